// Code that ends the process: its run is named in a mapped page, found guilty, and held after the
// third time. Each round is a process of its own, forked before this one has any thread.

#include "dalsegno/workflow.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/marker.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::string, std::string> echo{
    "echo", {.start_to_close = {}, .retry = {.initial = 1ms}}};

Workflow<std::string> aborts_on_signal(Context& ctx, std::string) {
  co_await ctx.receive<std::string>("go");
  std::abort();
}
Workflow<std::string> aborts_on_result(Context& ctx, std::string) {
  co_await ctx.receive<std::string>("go");
  co_await ctx.call(echo, std::string("x"));
  std::abort();
}
Workflow<std::string> endless_on_signal(Context& ctx, std::string) {
  co_await ctx.receive<std::string>("go");
  for (std::uint64_t volatile turns = 0;; turns = turns + 1) {
  }
}
Workflow<std::string> answers(Context& ctx, std::string) {
  co_return co_await ctx.receive<std::string>("go");
}
Workflow<std::string> killed_on_signal(Context& ctx, std::string) {
  co_await ctx.receive<std::string>("go");
  kill(getpid(), SIGKILL);
  co_return "not reached";
}

/// What a round does with an engine over the store; its result is the exit code.
using Round = std::function<int(Engine&, SessionId const&)>;

class PoisonTest : public testing::TestWithParam<char const*> {
 protected:
  /// Returns the wait status of the process.
  int process(Round const& round) {
    auto const child = fork();
    if (child == 0) {
      struct rlimit const no_core{};
      setrlimit(RLIMIT_CORE, &no_core);
      _exit(run(round));
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }
  int start() {
    return process([](Engine& engine, SessionId const& id) {
      return engine.start_session({id, id.name, R"("")", ""}) ? 0 : 3;
    });
  }
  int send_go() {
    return process([](Engine& engine, SessionId const& id) {
      auto const sent = engine.signal(id, {"go", R"("")", "", ""});
      if (!sent) return sent.error().code == Errc::held ? 10 : 4;
      return engine.wait_for_end(id) ? 0 : 5;
    });
  }
  int only_recover() {
    return process([](Engine& engine, SessionId const& id) {
      auto const end = engine.wait_for_end(id);
      if (!end) return end.error().code == Errc::held ? 10 : 6;
      return 0;
    });
  }
  static bool died_of(int status, int signal) {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
  }
  static bool was_held(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 10; }

 private:
  int run(Round const& round) {
    storage::RocksDbOptions options;
    options.ballast_bytes = 0;
    auto log = storage::open_rocksdb(folder_.path() / "store", std::move(options));
    if (!log) return 1;
    Registry registry;
    registry.add(define_workflow("aborts_on_signal", aborts_on_signal));
    registry.add(define_workflow("aborts_on_result", aborts_on_result));
    registry.add(define_workflow("killed_on_signal", killed_on_signal));
    registry.add(define_workflow("endless_on_signal", endless_on_signal));
    registry.add(define_workflow("answers", answers));
    registry.add(echo, [](ActivityContext const&, std::string const& text) { return text; });
    EngineOptions engine_options;
    engine_options.marker_file = folder_.path() / "marker";
    engine_options.step_limit = step_limit_;
    engine_options.say = [](SessionId const& id, std::string_view text) {
      std::fprintf(
          stderr, "%s: %.*s\n", id.name.c_str(), static_cast<int>(text.size()), text.data());
    };
    auto policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "all", "rules": [
      {"id": "all", "effect": "permit", "actions": ["*.call"]}]})");
    auto engine = Engine::start(**log, registry, *policy, std::move(engine_options));
    if (!engine) return 2;
    return round(**engine, {"default", GetParam()});
  }

  dalsegno::test::TemporaryFolder folder_;

 protected:
  std::chrono::milliseconds step_limit_{0};
};

class AbortingOnSignal : public PoisonTest {};
TEST_P(AbortingOnSignal, is_held_after_the_third_time) {
  ASSERT_EQ(start(), 0);
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(died_of(send_go(), SIGABRT)) << round;
  EXPECT_TRUE(was_held(send_go()));
  EXPECT_TRUE(was_held(send_go()));
}
INSTANTIATE_TEST_SUITE_P(Poison, AbortingOnSignal, testing::Values("aborts_on_signal"));

// Each recovery writes an orphan and a new attempt: this used to count as progress, and the crashes
// went on for ever.
class AbortingOnResult : public PoisonTest {};
TEST_P(AbortingOnResult, is_held_after_the_third_time_although_recovery_writes_steps) {
  ASSERT_EQ(start(), 0);
  EXPECT_TRUE(died_of(send_go(), SIGABRT));
  for (int round = 1; round < 3; ++round) EXPECT_TRUE(died_of(only_recover(), SIGABRT)) << round;
  EXPECT_TRUE(was_held(only_recover()));
}
INSTANTIATE_TEST_SUITE_P(Poison, AbortingOnResult, testing::Values("aborts_on_result"));

class EndlessOnSignal : public PoisonTest {};
TEST_P(EndlessOnSignal, ends_the_process_and_is_held_after_the_third_time_while_others_go_on) {
  ASSERT_EQ(start(), 0);
  ASSERT_EQ(process([](Engine& engine, SessionId const&) {
              return engine.start_session({{"default", "other"}, "answers", R"("")", ""}) ? 0 : 3;
            }),
            0);
  step_limit_ = 500ms;
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(died_of(send_go(), SIGABRT)) << round;
  EXPECT_TRUE(was_held(send_go()));
  EXPECT_EQ(process([](Engine& engine, SessionId const&) {
              SessionId const other{"default", "other"};
              if (!engine.signal(other, {"go", R"("on")", "", ""})) return 4;
              auto const end = engine.wait_for_end(other);
              return end && end->result == R"("on")" ? 0 : 5;
            }),
            0);
}
INSTANTIATE_TEST_SUITE_P(Poison, EndlessOnSignal, testing::Values("endless_on_signal"));

// What counts is one step: many of one session, one after the other, may take as long as they like.
TEST(Marker, tells_each_step_from_the_one_before_and_accuses_none_that_has_ended) {
  dalsegno::test::TemporaryFolder const folder;
  auto file = MarkerFile::open(folder.path() / "marker").value();
  auto const marker = file->marker(0);
  SessionId const id{"default", "s"};
  EXPECT_EQ(file->step(0), 0U);
  std::uint64_t first = 0;
  {
    Marker::Scope const running(marker, RunId{}, id, 7);
    first = file->step(0);
    EXPECT_NE(first, 0U);
    marker.next_step();
    EXPECT_NE(file->step(0), 0U);
    EXPECT_NE(file->step(0), first);
    EXPECT_FALSE(file->accuse(0, first));
    auto const guilty = file->accuse(0, file->step(0));
    ASSERT_TRUE(guilty);
    EXPECT_EQ(guilty->session, id);
    EXPECT_EQ(guilty->sequence, 7U);
  }
  EXPECT_EQ(file->step(0), 0U);
  EXPECT_FALSE(file->accuse(0, first));
  marker.next_step();  // between two inputs there is none
  EXPECT_EQ(file->step(0), 0U);
}

class KilledOnSignal : public PoisonTest {};
TEST_P(KilledOnSignal, is_never_found_guilty) {
  ASSERT_EQ(start(), 0);
  for (int round = 0; round < 5; ++round) EXPECT_TRUE(died_of(send_go(), SIGKILL)) << round;
}
INSTANTIATE_TEST_SUITE_P(Poison, KilledOnSignal, testing::Values("killed_on_signal"));

}  // namespace
}  // namespace dalsegno::engine
