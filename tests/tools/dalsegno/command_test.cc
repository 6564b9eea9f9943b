// Runs the program itself: exit codes, and what it prints where.

#include "dalsegno/agent.h"
#include "engine/runtime/engine.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/dalsegno/session_script.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <sys/wait.h>

namespace dalsegno::command {
namespace {

using forensics::test::SessionScript;

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

class CommandTest : public testing::Test {
 protected:
  CommandTest() {
    auto log = open();
    Registry registry;
    for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
    registry.add_model("*", [](ActivityContext const&, std::string_view) {
      return ActivityReply{.payload = R"({"content":"good \u001b[31mday","tool_calls":[]})",
                           .model = "m"};
    });
    auto const engine =
        engine::Engine::start(*log, registry, forensics::test::policy(), {}).value();
    SessionId const id{"default", "talk-1"};
    agent::AgentState state;
    state.checkpoint_every = 1;
    EXPECT_TRUE(engine->start_session({id, "agent", to_json(state), "ann"}));
    for (auto const* const key : {"k1", "k2"})
      EXPECT_TRUE(engine->ask(id, {"turn", R"({"content":"hello","last":false})", key, "bob"}));
    engine->stop();
  }

  std::unique_ptr<storage::EventLog> open() {
    storage::RocksDbOptions options;
    options.ballast_bytes = 0;
    return storage::open_rocksdb(store, std::move(options)).value();
  }

  Ran run(std::string const& arguments) {
    auto const out = folder.path() / "out";
    auto const err = folder.path() / "err";
    auto const line = std::string("DALSEGNO_DATA='") + store.string() +
                      "' '" DALSEGNO_COMMAND "' " + arguments + " >'" + out.string() + "' 2>'" +
                      err.string() + "'";
    auto const status = std::system(line.c_str());  // NOLINT: a test of the command line
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(out), read(err)};
  }
  static std::string read(std::filesystem::path const& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  void expect_code(std::string const& arguments, int code, std::string const& said = "") {
    auto const ran = run(arguments);
    EXPECT_EQ(ran.code, code) << arguments << "\n" << ran.out << ran.err;
    EXPECT_NE((ran.out + ran.err).find(said), std::string::npos) << arguments << "\n"
                                                                 << ran.out << ran.err;
  }

  test::TemporaryFolder folder;
  std::filesystem::path store = folder.path() / "store";
};

TEST_F(CommandTest, looks_at_a_good_store_and_ends_with_0) {
  expect_code("--version", 0, "dalsegno ");
  expect_code("help why", 0, "ANSWER");
  expect_code("ls", 0, "talk-1\tagent\topen");
  expect_code("ls --json",
              0,
              R"({"schema":"dalsegno.session","v":1,"tenant":"default","session":"talk-1")");
  expect_code("show talk", 0, "answer to @");
  expect_code("log talk-1 --json", 0, R"("type":"SessionStarted")");
  expect_code("log talk-1 --at 1", 0, "SessionStarted");
  expect_code("why talk-1", 0, "the chain is whole");
  expect_code("why talk-1 '#1' --json", 0, R"("whole":true)");
  expect_code("why talk-1 --all", 0, "answer #2");
  expect_code("verify", 0, "0 failures");
  expect_code("verify talk-1 --json", 0, R"("passed":true)");
  expect_code("replay", 0, "talk-1: same");
  expect_code("replay --equivalence talk-1", 0, "also from 2 checkpoints");
  expect_code("stats", 0, "model default");
  expect_code("stats --json", 0, R"("schema":"dalsegno.stats")");
}

TEST_F(CommandTest, tells_of_a_model_that_says_nothing_of_its_calls_what_the_log_knows) {
  expect_code("stats --by workflow,family", 0, "agent\t-\t1\t2\t-\t-\t-\t2\t-\t2\t-\t0\t-\t0\n");
  expect_code("stats --by workflow --json", 0, R"("without_record":2,"without_usage":2)");
  expect_code("stats --by workflow --json talk-1", 0, R"("latency":{"measured":2,)");
  expect_code("stats --by work", 2, "there is tenant, workflow");
  std::ofstream(folder.path() / "slo.toml")
      << "[endpoints.e]\nurl = \"http://127.0.0.1:1\"\nmodel = \"m\"\n"
         "[models.default]\nendpoints = [\"e\"]\n[agents.desk]\nmodel = \"default\"\n"
         "[slos.s]\nagent = \"desk\"\nfirst_token_seconds = 1\nanswer_seconds = 600\n";
  auto const config = "'" + (folder.path() / "slo.toml").string() + "'";
  expect_code("slo --config " + config, 0, "\tanswer\t600.000\t99.00%\t100.00%\t2\t0\t0\t0\t");
  expect_code("slo --json --config " + config, 0, R"("unmeasured":2)");
}

TEST_F(CommandTest, ends_with_3_when_a_prompt_is_not_the_one_that_was_meant) {
  auto log = open();
  SessionScript bad(*log, "bad", "somebody's");
  storage::OperationRequested asked;
  asked.kind = storage::OperationKind::model;
  agent::Message hello;
  hello.role = "user";
  agent::ModelRequest const request{{.messages = 3, .digest = std::string(64, 'a')}, {hello}};
  auto const input = to_json(request);
  asked.input = SessionScript::payload(input);
  asked.input_digest = bad.digest(input);
  ASSERT_TRUE(bad.step({bad.started(), {1, asked}}));
  log.reset();
  expect_code("show bad --prompt 2", 3, "message 0 is not there (counting from 0)");
  expect_code("show bad --prompt 1", 2, "models were called at 2");
  expect_code("show bad", 0);
}

TEST_F(CommandTest, says_on_stderr_what_an_answer_rests_on_and_shows_no_control_characters) {
  auto const ran = run("show talk-1");
  EXPECT_EQ(ran.err.find("dalsegno: verified: chain of "), 0U) << ran.err;
  EXPECT_EQ(ran.out.find("verified"), std::string::npos);
  EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
  EXPECT_NE(ran.out.find("\\x1b"), std::string::npos) << ran.out;
}

TEST_F(CommandTest, ends_with_2_on_what_it_cannot_do_and_suggests_what_was_meant) {
  expect_code("", 2, "Usage");
  expect_code("verfy", 2, "did you mean verify?");
  expect_code("ls --workflw x", 2, "did you mean --workflow?");
  expect_code("show --jso talk-1", 2, "did you mean --json?");
  expect_code("show", 2, "SESSION");
  expect_code("show nobody", 2, "there is no session \"nobody\"");
  expect_code("show talk-1 --at yesterday", 2, "neither a sequence");
  expect_code("why talk-1 '#9'", 2, "has 2 answers");
  expect_code("why talk-1 1", 2, "SessionStarted, no answer");
  expect_code("--data /nonexistent-folder ls", 2, "there is no store in");
  expect_code("release talk-1 --by ann --reason x", 2, "is not held");
  expect_code("accept-loss --by ann --reason x", 0, "nothing is missing");
  auto log = open();
  SessionScript other(*log, "talk-2", "somebody's");
  ASSERT_TRUE(other.step({other.started()}));
  log.reset();
  expect_code("show talk", 2, "2 sessions begin with \"talk\"");
  expect_code("replay talk-2", 2, "which this program does not have");
  expect_code("replay", 0, "1 skipped");
  expect_code("replay --open", 1, "1 could not go on in this program");
}

TEST_F(CommandTest, lists_counts_and_releases_the_sessions_that_a_filter_means) {
  auto log = open();
  auto const risky = [](std::int64_t risk) {
    return forensics::test::Said{
        0, storage::AttributeSet{"risk", SessionScript::payload(std::to_string(risk))}};
  };
  for (auto const& [name, risk] : {std::pair{"case-1", 1}, {"case-2", 5}, {"case-3", 5}}) {
    SessionScript script(*log, name, "desk");
    ASSERT_TRUE(script.step({script.started(), risky(risk)}));
    if (risk == 5) ASSERT_TRUE(script.step({{0, storage::Held{"divergence", "{}"}}}));
  }
  log.reset();
  expect_code("ls --filter 'risk > 2 order by session desc limit 1'", 0, "case-3\tdesk\theld");
  expect_code("ls --filter 'risk exists' --json", 0, R"("attributes":{"risk":5})");
  expect_code("ls --filter 'workflow = \"desk\"' --count-by status,risk", 0, "held\t5\t2");
  expect_code("ls --count-by risk --json", 0, R"("group":{"risk":"1"},"sessions":1})");
  expect_code("ls --filter 'risk >'", 2, "filter, column 7: expected a value");
  expect_code("release --filter 'risk = 5' --dry-run --by ann --reason fixed",
              0,
              "2 held sessions would be released");
  expect_code("release --filter 'risk = 5 and session like \"*-2\"' --by ann --reason fixed",
              0,
              "default/case-2 is released");
  expect_code("ls --held", 0, "case-3");
  expect_code("release --by ann --reason fixed", 2, "name a session, or give --filter");
  expect_code(
      "release case-1 --dry-run --by ann --reason fixed", 2, "--dry-run goes with --filter");
}

TEST_F(CommandTest, replays_only_what_a_runtime_would_take_up_before_a_deploy) {
  expect_code("replay --open", 0, "1 open and held sessions replayed, 0 could not go on");
  auto log = open();
  SessionScript over(*log, "over", "somebody's");
  ASSERT_TRUE(over.step({over.started()}));
  ASSERT_TRUE(over.step({{0, storage::SessionCompleted{SessionScript::payload("1"), 0}}}));
  log.reset();
  expect_code("replay --open", 0, "1 open and held sessions replayed, 0 could not go on");
}

TEST_F(CommandTest, ends_with_3_when_a_call_had_no_permit) {
  auto log = open();
  SessionScript bad(*log, "bad");
  ASSERT_TRUE(bad.step({bad.started(), bad.request(1, "search", "1"), bad.start(1, "1")}));
  ASSERT_TRUE(bad.step({SessionScript::result(1, "1"),
                        {0, storage::SessionCompleted{SessionScript::payload("1"), 0}}}));
  log.reset();
  expect_code("verify", 3, "NOT VERIFIED");
  expect_code("verify bad", 3, "permit: ");
  expect_code("why bad", 3, "does NOT hold");
  expect_code("verify talk-1", 0);
}

TEST_F(CommandTest, ends_with_1_when_workflow_and_log_part) {
  auto log = open();
  SessionScript other(*log, "other", "agent");
  ASSERT_TRUE(other.step({other.started(to_json(agent::AgentState{})),
                          other.request(1, "search", "1"),
                          other.decide(1, "search", "1"),
                          other.start(1, "1")}));
  log.reset();
  expect_code("replay other", 1, "recorded: ");
  expect_code("replay --json", 1, R"("result":"diverged")");
}

TEST_F(CommandTest, ends_with_125_when_the_key_is_gone_and_with_4_when_strict) {
  auto log = open();
  SessionScript erased(*log, "erased", "inbox");
  erased.forget_secret();
  ASSERT_TRUE(erased.step({erased.started("0"), erased.receive(1)}));
  log.reset();
  expect_code("replay erased", 125, "key is gone");
  expect_code("verify erased", 0, "undecidable");
  expect_code("verify erased --strict", 4, "undecidable");
}

TEST_F(CommandTest, releases_a_held_session) {
  auto log = open();
  SessionScript held(*log, "held", "inbox");
  ASSERT_TRUE(held.step({held.started("0"), held.receive(1)}));
  ASSERT_TRUE(held.step({{0, storage::Held{"divergence", R"({"sequence":2})"}}}));
  log.reset();
  expect_code("ls --held", 0, "held\tinbox\theld");
  expect_code("release held --by ann --reason 'new deploy'", 0, "is released");
  expect_code("show held", 0, "released by ann: new deploy");
  expect_code("verify", 0, "0 failures");
}

TEST_F(CommandTest, pauses_resumes_cancels_and_terminates_sessions) {
  auto log = open();
  for (auto const* const name : {"case-1", "case-2"}) {
    SessionScript script(*log, name, "inbox");
    ASSERT_TRUE(script.step({script.started("0"), script.receive(1)}));
  }
  SessionScript held(*log, "stuck", "inbox");
  ASSERT_TRUE(held.step({held.started("0"), held.receive(1)}));
  ASSERT_TRUE(held.step({{0, storage::Held{"divergence", R"({"sequence":2})"}}}));
  log.reset();
  expect_code("pause case-1 --by ann --reason 'the bank is down'", 0, "pause recorded");
  expect_code("pause case-1 --by ann --reason again", 0, "it is so already");
  expect_code("ls --status paused", 0, "case-1\tinbox\tpaused");
  expect_code("show case-1", 0, "pause asked for by ann: the bank is down");
  expect_code("pause stuck --by ann --reason x", 1, "is held");
  expect_code("resume --filter 'status = \"paused\"' --dry-run --by ann --reason x",
              0,
              "1 session would be asked to resume");
  expect_code("resume case-1 --by ann --reason 'it is back'", 0, "when a runtime next opens");
  expect_code("cancel case-2 --by ann --reason enough --json", 0, R"("verb":"cancel")");
  expect_code("terminate --filter 'workflow = \"inbox\"' --by ann --reason 'runs wild'",
              0,
              "3 sessions asked to terminate");
  expect_code("terminate nobody --by ann --reason x", 2, "no session");
  expect_code("terminate --by ann --reason x", 2, "name a session, or give --filter");
  expect_code("verify", 0, "0 failures");
}

TEST_F(CommandTest, says_that_a_folder_is_no_store_or_is_damaged_and_does_not_crash) {
  auto const foreign = folder.path() / "foreign";
  std::filesystem::create_directory(foreign);
  std::ofstream(foreign / "letter.txt") << "dear store";
  expect_code("ls --data '" + foreign.string() + "'", 2);
  for (auto const& entry : std::filesystem::recursive_directory_iterator(store)) {
    if (entry.is_regular_file() && entry.path().filename().string().starts_with("MANIFEST"))
      std::ofstream(entry.path(), std::ios::binary) << "nonsense";
  }
  auto const ran = run("verify");
  EXPECT_TRUE(ran.code == 2 || ran.code == 3) << ran.code << ran.err;
  EXPECT_NE(ran.err.find("dalsegno: "), std::string::npos);
}

}  // namespace
}  // namespace dalsegno::command
