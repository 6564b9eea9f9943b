// Forks and restarts while a runtime has the store, and wherever its process ends.

#include "tests/engine/runtime/runtime_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace dalsegno::engine::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using Text = std::string;

constexpr Activity<Text, Text> look_up{"look_up"};

/// Looks something up, takes a word, looks it up.
Workflow<Text> looks_up_twice(Context& ctx, Text what) {
  auto const first = co_await ctx.call(look_up, what);
  auto const word = co_await ctx.receive<Text>("word");
  co_return first + co_await ctx.call(look_up, word);
}

/// Of a run of `looks_up_twice`: the result of its first call.
constexpr Sequence first_result = 5;

class ForksTest : public RuntimeTest {
 protected:
  ForksTest() {
    registry.add(define_workflow("looks_up_twice", looks_up_twice));
    registry.add(look_up, [this](ActivityContext const& ctx, Text const& what) {
      std::lock_guard const lock(mutex_);
      ++performed_[ctx.idempotency_key];
      return "<" + what + ">";
    });
  }
  void TearDown() override { close(); }

  [[nodiscard]] static ForkRequest request(Sequence at, bool terminate = false) {
    ForkRequest request{name("s"), at, {"ann", "an incident"}};
    request.options.terminate = terminate;
    return request;
  }
  void run_to_its_end() {
    run_to_the_word();
    ASSERT_TRUE(engine->signal(name("s"), {"word", R"("b")", "k1", ""}));
    EXPECT_EQ(end_of(name("s")), R"("<a><b>")");
  }
  /// Returns once the run waits for its word.
  void run_to_the_word() {
    start(name("s"), "looks_up_twice", R"("a")");
    while (log->head(name("s")).value()->last_sequence < first_result) std::this_thread::yield();
  }
  [[nodiscard]] std::map<std::string, int> performed() {
    std::lock_guard const lock(mutex_);
    return performed_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> performed_;
};

TEST_F(ForksTest, a_fork_goes_on_by_itself_and_calls_under_keys_of_its_own) {
  open();
  run_to_its_end();
  auto const forked = engine->fork(request(first_result));
  ASSERT_TRUE(forked) << forked.error().detail;
  EXPECT_EQ(forked->signals, 1U);
  ASSERT_THAT(forked->effects, SizeIs(1));
  EXPECT_EQ(forked->effects.front().outcome, "completed");
  EXPECT_EQ(end_of(name("s")), R"("<a><b>")");
  EXPECT_EQ(log->head(name("s")).value()->run, forked->run);
  EXPECT_THAT(performed(), SizeIs(3));  // the first call is not made again
  EXPECT_TRUE(performed().contains(forked->effects.front().idempotency_key));
  expect_replays(name("s"));
}

TEST_F(ForksTest, an_open_session_is_forked_only_when_it_may_be_ended) {
  open();
  run_to_the_word();
  EXPECT_EQ(engine->fork(request(1)).error().code, Errc::conflict);
  ASSERT_TRUE(engine->signal(name("s"), {"other", "1", "", ""}));  // it is none the worse for it
  auto const forked = engine->fork(request(1, true));
  ASSERT_TRUE(forked) << forked.error().detail;
  ASSERT_TRUE(engine->signal(name("s"), {"word", R"("c")", "", ""}));
  EXPECT_EQ(end_of(name("s")), R"("<a><c>")");
  EXPECT_EQ(log->head(name("s")).value()->run, forked->run);
  expect_replays(name("s"));
}

TEST_F(ForksTest, a_new_session_goes_on_beside_the_one_that_it_comes_from) {
  open();
  run_to_the_word();
  auto beside = request(first_result);
  beside.options.as = "t";
  ASSERT_TRUE(engine->fork(beside));
  EXPECT_EQ(engine->fork(beside).error().code, Errc::conflict);
  ASSERT_TRUE(engine->signal(name("t"), {"word", R"("x")", "", ""}));
  ASSERT_TRUE(engine->signal(name("s"), {"word", R"("y")", "", ""}));
  EXPECT_EQ(end_of(name("t")), R"("<a><x>")");
  EXPECT_EQ(end_of(name("s")), R"("<a><y>")");
  EXPECT_THAT(performed(), SizeIs(3));
  expect_replays(name("s"));
  expect_replays(name("t"));
}

TEST_F(ForksTest, a_restart_ends_an_open_session_and_begins_it_again) {
  open();
  run_to_the_word();
  auto const again = engine->fork(request(0, true));
  ASSERT_TRUE(again) << again.error().detail;
  ASSERT_TRUE(engine->signal(name("s"), {"word", R"("b")", "", ""}));
  EXPECT_EQ(end_of(name("s")), R"("<a><b>")");
  EXPECT_EQ(count<storage::Forked>(name("s")), 1U);
  EXPECT_THAT(performed(), SizeIs(3));
  // Whoever repeats the start means this session still.
  auto const start = engine->start_session({name("s"), "looks_up_twice", R"("a")", "tester"});
  ASSERT_TRUE(start) << start.error().detail;
  EXPECT_TRUE(start->repeated);
  expect_replays(name("s"));
}

TEST_F(ForksTest, calls_that_were_copied_are_not_counted_again) {
  policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "few", "rules": [
    {"id": "few", "effect": "permit", "actions": ["activity.call"],
     "when": {"counter": {"per": "tenant", "window": "24h"}, "below": 3}}]})")
               .value();
  open();
  run_to_its_end();
  auto without = request(first_result);
  without.options.signals = LaterSignals::left_out;
  ASSERT_TRUE(engine->fork(without));
  open();  // counts what the log has: two calls
  ASSERT_TRUE(engine->signal(name("s"), {"word", R"("b")", "", ""}));
  EXPECT_EQ(end_of(name("s")), R"("<a><b>")");
}

/// The process ends at the n-th write after a fork was asked for: before it, or before anybody
/// knows of it.
enum class Ends { before, after };

class ForkCrash : public ForksTest, public testing::WithParamInterface<Ends> {};

TEST_P(ForkCrash, leaves_it_whole_or_not_at_all_at_whichever_write) {
  for (int n = 0;; ++n) {
    SCOPED_TRACE("write " + std::to_string(n));
    close();
    store = storage::make_memory_store(11);
    std::atomic<bool> armed = false;
    std::atomic<int> left = n;
    open([&](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
      if (!armed || left-- > 0) return std::nullopt;
      if (left == -1 && GetParam() == Ends::after) EXPECT_TRUE(log->ForwardingLog::append(batch));
      return Error{Errc::io, "the process has ended"};
    });
    run_to_the_word();
    auto const old_run = log->head(name("s")).value()->run;
    armed = true;
    auto const forked = engine->fork(request(first_result, true));
    if (forked) {
      static_cast<void>(engine->signal(name("s"), {"word", R"("c")", "k", ""}));
      static_cast<void>(end_of(name("s")));
    }
    bool const ended = left < 0;
    open();
    auto const runs = log->runs(name("s")).value();
    auto const head = *log->head(name("s")).value();
    if (forked) EXPECT_THAT(runs, SizeIs(2));
    if (runs.size() == 1) {
      EXPECT_EQ(head.run, old_run);
      EXPECT_EQ(head.status, storage::SessionStatus::open);
      auto const again = engine->fork(request(first_result, true));
      ASSERT_TRUE(again) << again.error().detail;
    }
    auto const sent = engine->signal(name("s"), {"word", R"("c")", "k", ""});
    EXPECT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(end_of(name("s")), R"("<a><c>")");
    EXPECT_THAT(log->runs(name("s")).value(), SizeIs(2));
    EXPECT_EQ(count<storage::Forked>(name("s")), 1U);
    expect_replays(name("s"));
    if (!ended) break;
  }
}
INSTANTIATE_TEST_SUITE_P(Fork,
                         ForkCrash,
                         testing::Values(Ends::before, Ends::after),
                         [](auto const& one) {
                           return std::string(one.param == Ends::before ? "before" : "after");
                         });

}  // namespace
}  // namespace dalsegno::engine::test
