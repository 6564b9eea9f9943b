// An agent with a tool talks to a model server over the network and is killed with SIGKILL, at each
// place that matters and in the middle of an answer. It resumes in another process; its answers are
// those of an agent that was left in peace, and nothing that was recorded is asked or done again.
//
// The agent is this program again, with a role, configured by the environment as anybody's.

#include "dalsegno/dalsegno.h"
#include "dalsegno/model.h"
#include "storage/log/chain.h"
#include "storage/log/crash_point.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char const*, 3> turns = {
    "hello", "call note {\"text\":\"one\"}\ncall note {\"text\":\"two\"}", "thanks"};

SessionId const session{.name = "talk"};

constexpr char const* permit_all = R"({"dalsegno_policy":1,"rules":[
  {"id":"calls","effect":"permit","actions":["model.call","tool.call"]}]})";

// ---- the agent ----

int complain(std::string const& what, Error const& error) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), error.detail.c_str());
  return 1;
}

/// Appends the key of the call: the effect that is counted.
ActivityReply note(fs::path const& folder, ActivityContext const& context) {
  auto const line = context.idempotency_key + "\n";
  int const file = ::open((folder / "effects").c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  ::close(file);
  return {.payload = to_json(agent::ToolReply{.content = "noted"})};
}

int run_as_agent(fs::path const& folder) {
  auto options = model::options_from_environment();
  if (!options) return complain("environment", options.error());
  options->tools = {{"note", "Notes a text", Json().set("type", "object")}};
  auto store = Store::open(folder / "store");
  if (!store) return complain("open", store.error());
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  if (auto const added = model::add_model(registry, *store, *options); !added)
    return complain("model", added.error());
  registry.add_tool("note", [&folder](ActivityContext const& context, std::string_view) {
    return note(folder, context);
  });
  auto runtime = Runtime::start(
      std::move(*store),
      std::move(registry),
      {.policy = permit_all, .redaction = {.known = model::known_secrets(*options)}});
  if (!runtime) return complain("start", runtime.error());
  agent::AgentState state;
  state.checkpoint_every = 1;
  if (auto const started = (*runtime)->start_session(session, "agent", state); !started)
    return complain("start_session", started.error());
  std::string answers;
  for (auto const* const turn : turns) {
    auto const answer =
        (*runtime)->ask<std::string>(session, "turn", agent::Turn{.content = turn}, turn);
    if (!answer) return complain("ask", answer.error());
    answers += *answer + "\n";
  }
  std::ofstream(folder / "answers") << answers;
  return 0;
}

// ---- the tests ----

class ModelKill : public testing::Test {
 protected:
  /// Starts the agent. `crash_at`: where it dies; "": nowhere.
  [[nodiscard]] pid_t begin(std::string const& crash_at) const {
    auto const folder = folder_.path().string();
    std::array<char*, 4> argv = {const_cast<char*>("model_kill_test"),
                                 const_cast<char*>("--as-agent"),
                                 const_cast<char*>(folder.c_str()),
                                 nullptr};
    auto const child = ::fork();
    if (child == 0) {
      ::setenv("DALSEGNO_MODEL_URL", server_.url().c_str(), 1);
      ::setenv("DALSEGNO_MODEL", "small", 1);
      ::setenv("DALSEGNO_API_KEY", "sk-test-0123456789abcdef", 1);
      if (!crash_at.empty()) ::setenv("DALSEGNO_CRASH_AT", crash_at.c_str(), 1);
      ::execv("/proc/self/exe", argv.data());
      ::_exit(127);
    }
    return child;
  }
  /// Whether it was killed; anything but that and success is a failure.
  static bool was_killed(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    return false;
  }

  [[nodiscard]] std::string read(char const* name) const {
    std::ifstream stream(folder_.path() / name);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  /// Attempts of model calls and of tools, by operation.
  struct Attempts {
    std::map<OperationId, std::uint32_t> of_models;
    std::map<OperationId, std::uint32_t> of_tools;
  };
  [[nodiscard]] Attempts attempts() const {
    Attempts found;
    auto const store = Store::open(folder_.path() / "store");
    EXPECT_TRUE(store) << store.error().detail;
    auto const head = store->log().head(session);
    std::map<OperationId, storage::OperationKind> kinds;
    auto const read = storage::read_verified(
        store->log(),
        session,
        (*head)->run,
        1,
        storage::Reading::show,
        [&](storage::DecodedStep const& step) {
          for (auto const& event : step.step.events) {
            if (auto const* const asked = std::get_if<storage::OperationRequested>(&event.body))
              kinds[event.operation] = asked->kind;
            if (!std::holds_alternative<storage::AttemptStarted>(event.body)) continue;
            if (kinds[event.operation] == storage::OperationKind::model)
              ++found.of_models[event.operation];
            if (kinds[event.operation] == storage::OperationKind::tool)
              ++found.of_tools[event.operation];
          }
          return true;
        });
    EXPECT_TRUE(read) << read.error().detail;
    return found;
  }

  /// The conversation is whole, and the far sides have seen no more than the log answers for: a
  /// prompt as often as its call was attempted, an effect as often as its.
  void expect_nothing_was_repeated(std::string const& where, std::size_t kills) const {
    EXPECT_EQ(read("answers"),
              "1 messages, the last one: hello\n"
              "the tools said: noted, noted\n"
              "8 messages, the last one: thanks\n")
        << where;
    auto const all = attempts();
    EXPECT_EQ(all.of_models.size(), 4U) << where;
    EXPECT_EQ(all.of_tools.size(), 2U) << where;
    std::size_t attempted = 0;
    for (auto const& [operation, count] : all.of_models) attempted += count;
    EXPECT_LE(attempted, 4 + kills) << where;
    std::map<std::string, std::size_t> prompts;
    for (auto const& request : server_.requests()) ++prompts[request.body];
    EXPECT_EQ(prompts.size(), 4U) << where << ": a prompt was built in two ways";
    std::size_t asked = 0;
    for (auto const& [body, count] : prompts) asked += count;
    EXPECT_LE(asked, attempted) << where;

    std::map<std::string, std::size_t> effects;
    std::string const lines = read("effects");
    for (std::size_t at = 0; at < lines.size();) {
      auto const end = lines.find('\n', at);
      ++effects[lines.substr(at, end - at)];
      at = end + 1;
    }
    EXPECT_EQ(effects.size(), 2U) << where;
    for (auto const& [operation, count] : all.of_tools) {
      auto const suffix = "/" + std::to_string(static_cast<std::uint64_t>(operation));
      for (auto const& [key, times] : effects)
        if (key.ends_with(suffix)) EXPECT_LE(times, count) << where;
    }
  }

  test::TemporaryFolder folder_;
  test::ModelServer server_;
};

TEST_F(ModelKill, in_peace_it_asks_each_prompt_once) {
  EXPECT_FALSE(was_killed(begin("")));
  expect_nothing_was_repeated("nowhere", 0);
  EXPECT_EQ(server_.requests().size(), 4U);
  EXPECT_FALSE(was_killed(begin("")));
  EXPECT_EQ(server_.requests().size(), 4U) << "all of it was recorded";
}

TEST_F(ModelKill, in_the_middle_of_an_answer_it_resumes_with_that_answer) {
  server_.script(R"([{"gate":"never","content":"x"}])");
  auto const child = begin("");
  server_.wait_for_requests(1);
  ::kill(child, SIGKILL);
  EXPECT_TRUE(was_killed(child));
  EXPECT_FALSE(was_killed(begin("")));
  expect_nothing_was_repeated("in mid-answer", 1);
  EXPECT_EQ(server_.requests().size(), 5U);
}

TEST_F(ModelKill, in_the_middle_of_a_stream_it_resumes_with_that_answer) {
  server_.script(R"([{"fault":"hang_after","events":3}])");
  auto const child = begin("");
  server_.wait_for_requests(1);
  ::kill(child, SIGKILL);
  EXPECT_TRUE(was_killed(child));
  EXPECT_FALSE(was_killed(begin("")));
  expect_nothing_was_repeated("in mid-stream", 1);
}

/// Each place, at its first pass and at later ones, in a conversation of its own.
class ModelKillAt : public ModelKill, public testing::WithParamInterface<std::string_view> {};

TEST_P(ModelKillAt, it_resumes_and_repeats_nothing_that_was_recorded) {
  // So that there is something to recover.
  if (!was_killed(begin("commit.after_release:2")))
    GTEST_SKIP() << "this build has no crash points";
  std::size_t kills = 1;
  // A process that dies at its n-th pass gets further than the one before, or to the end.
  for (int pass = 1; pass < 40; ++pass) {
    if (!was_killed(begin(std::string(GetParam()) + ":" + std::to_string(pass)))) break;
    ++kills;
  }
  EXPECT_FALSE(was_killed(begin("")));
  EXPECT_GT(kills, 1U);
  expect_nothing_was_repeated(std::string(GetParam()), kills);
}

INSTANTIATE_TEST_SUITE_P(Places,
                         ModelKillAt,
                         testing::ValuesIn(storage::crash_points),
                         [](auto const& test) {
                           std::string name(test.param);
                           for (auto& c : name)
                             if (c == '.') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace dalsegno

int main(int count, char** values) {
  if (count > 2 && std::string(values[1]) == "--as-agent") return dalsegno::run_as_agent(values[2]);
  testing::InitGoogleTest(&count, values);
  return RUN_ALL_TESTS();
}
