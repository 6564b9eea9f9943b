// `dalsegno run` as a person runs it, with short conversations of our own.

#include "dalsegno/json.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tests/e2e/command.h"
#include "tests/e2e/sessions.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A message of the model that calls the tool "look" for each number, and the answers to these
/// calls.
std::string looks(int calls, std::string const& result = "seen") {
  std::string asked;
  std::string results;
  for (int i = 1; i <= calls; ++i) {
    auto const id = "c" + std::to_string(i);
    asked += std::string(i > 1 ? "," : "") + R"({"id":")" + id +
             R"(","type":"function","function":{"name":"look","arguments":"{\"at\":)" +
             std::to_string(i) + R"(}"}})";
    results += R"(,{"role":"tool","tool_call_id":")" + id + R"(","content":")" + result +
               std::to_string(i) + R"("})";
  }
  return R"({"role":"assistant","content":null,"tool_calls":[)" + asked + "]}" + results;
}

/// A transcript of two turns, the first with some tool calls, and a farewell.
std::string talk(std::string const& id, std::string const& calls = looks(1)) {
  return R"({"id":")" + id + R"(","messages":[{"role":"system","content":"Be kind."},)" +
         R"({"role":"user","content":"Look, please."},)" + calls +
         R"(,{"role":"assistant","content":"I looked."},)" +
         R"({"role":"user","content":"Once more."},)" + looks(1, "again") +
         R"(,{"role":"assistant","content":"I looked again."},{"role":"user","content":"Bye."}]})" +
         "\n";
}

constexpr std::string_view end_of_talk = R"({"answers":2,"ended_by":"client","turns":3})";

class RunTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string const& name) const {
    return (folder_.path() / name).string();
  }

  Ran run(std::string const& transcripts, std::vector<std::string> const& more = {}) {
    write_file(path("talks.jsonl"), transcripts);
    std::vector<std::string> arguments{
        "run", "--transcript", path("talks.jsonl"), "--data", path("store")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return dalsegno(arguments);
  }
  [[nodiscard]] FactsByName facts() const { return read_facts(*open_to_read(path("store"))); }

  TemporaryFolder folder_;
};

TEST_F(RunTest, leads_conversations_to_their_end_and_says_what_it_did) {
  auto const ran = run(talk("one") + talk("two", looks(8)), {"--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("no --policy: all model and tool calls are permitted"));
  EXPECT_THAT(ran.out, HasSubstr(R"("completed":2)"));
  EXPECT_THAT(ran.out, HasSubstr(R"("tool_calls":11,"denials":0)"));
  auto const all = facts();
  EXPECT_EQ(all.at("one").end, end_of_talk);
  EXPECT_EQ(all.at("two").end, end_of_talk);
  EXPECT_EQ(all.at("two").commands.size(),
            3U + 4U + 9U);  // turns received, model calls, tool calls
  EXPECT_EQ(check_answers(*open_to_read(path("store"))), 4U);
  EXPECT_EQ(dalsegno({"verify", "--data", path("store")}).code, 0);
}

TEST_F(RunTest, does_nothing_twice_when_it_is_run_twice) {
  ASSERT_EQ(run(talk("one")).code, 0);
  auto const before = facts();
  auto const ran = run(talk("one"), {"--json"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr(R"("over_before":1)"));
  EXPECT_THAT(ran.out, HasSubstr(R"("steps":0)"));
  expect_same(facts(), before);
}

TEST_F(RunTest, comes_to_the_same_end_whichever_step_it_is_killed_after) {
  auto const talks = talk("long", looks(2));
  ASSERT_EQ(run(talks).code, 0);
  auto const whole = facts();
  for (int step = 1;; ++step) {
    SCOPED_TRACE("killed after step " + std::to_string(step));
    std::filesystem::remove_all(path("store"));
    auto const first = run(talks, {"--kill-after", std::to_string(step)});
    if (first.signal == 0) {
      EXPECT_EQ(first.code, 0);
      EXPECT_GT(step, 10);
      break;
    }
    ASSERT_EQ(first.signal, SIGKILL);
    auto const second = run(talks);
    ASSERT_EQ(second.code, 0) << second.err;
    expect_same(facts(), whole);
    auto const attempts = check_attempts(*open_to_read(path("store")));
    EXPECT_EQ(attempts.broken, std::vector<std::string>());
  }
}

TEST_F(RunTest, names_bad_lines_and_runs_the_others) {
  auto const no_call = R"({"id":"no-call","messages":[{"role":"user","content":"a"},)"
                       R"({"role":"tool","tool_call_id":"c1","content":"r"}]})"
                       "\n";
  auto const cut = talk("cut").substr(0, 200) + "\n";
  auto const ran =
      run(talk("first") + cut + "{\"messages\": \"\xff\"}\n" + no_call + talk("eight", looks(8)) +
          talk("big", looks(1, std::string(5'000'000, 'x'))));
  EXPECT_EQ(ran.code, 2);
  auto const file = path("talks.jsonl");
  EXPECT_THAT(ran.err, HasSubstr(file + ":2:"));
  EXPECT_THAT(ran.err, HasSubstr(file + ":3:"));
  EXPECT_THAT(
      ran.err,
      HasSubstr(file + ":4: message 2 (tool): there is no open tool call that it could answer"));
  EXPECT_THAT(ran.err, Not(HasSubstr(file + ":1:")));
  EXPECT_THAT(ran.out, HasSubstr("3 of 3 sessions completed, 3 lines unreadable"));
  auto const all = facts();
  ASSERT_EQ(all.size(), 3U);
  for (auto const& [name, session] : all) EXPECT_EQ(session.end, end_of_talk) << name;
  EXPECT_GT(all.at("big").results.at(2).size(), 5'000'000U);
  EXPECT_EQ(dalsegno({"verify", "--data", path("store")}).code, 0);
}

TEST_F(RunTest, shows_where_a_session_leaves_its_recording) {
  write_file(path("policy.json"), R"({"dalsegno_policy": 1, "name": "no looking", "rules": [
    {"id": "all", "effect": "permit", "actions": ["model.call", "tool.call"]},
    {"id": "no-look", "effect": "forbid", "actions": ["tool.call"], "resources": ["look"],
     "when": {"attribute": "session", "eq": "one"}, "reason": "it is dark"}]})");
  auto const ran = run(talk("one") + talk("two"), {"--policy", path("policy.json")});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err,
              HasSubstr("session one failed: transcript_mismatch: " + path("talks.jsonl") +
                        ":1: message 4 (tool): the session's differs from the recorded one"));
  EXPECT_THAT(ran.err, HasSubstr(R"(recorded  "seen1")"));
  EXPECT_THAT(ran.err,
              HasSubstr(R"(asked     "{\"error\":\"denied by policy\",\"reason\":\"it is dark\")"));
  EXPECT_THAT(ran.out, HasSubstr("1 of 2 sessions completed, 1 failed"));
  EXPECT_EQ(facts().at("two").end, end_of_talk);
}

TEST_F(RunTest, refuses_before_it_begins_and_says_why) {
  auto const missing =
      dalsegno({"run", "--transcript", path("none.jsonl"), "--data", path("store")});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("none.jsonl: there is no such file"));

  write_file(path("policy.json"), "{\"dalsegno_policy\": 1,\n \"rulez\": []}");
  auto const policy = run(talk("one"), {"--policy", path("policy.json")});
  EXPECT_EQ(policy.code, 2);
  EXPECT_THAT(policy.err,
              HasSubstr("policy.json:2:2: unknown field \"rulez\"; did you mean \"rules\"?"));
  EXPECT_FALSE(std::filesystem::exists(path("store")));

  auto const option = run(talk("one"), {"--paralel", "3"});
  EXPECT_EQ(option.code, 2);
  EXPECT_THAT(option.err, HasSubstr("--parallel"));

  std::filesystem::create_directory(path("store"));
  write_file(path("store/notes.txt"), "mine");
  auto const foreign = run(talk("one"));
  EXPECT_EQ(foreign.code, 2);
  EXPECT_THAT(foreign.err, HasSubstr("is not a Dalsegno store: it holds notes.txt"));
}

TEST_F(RunTest, says_so_when_another_process_has_the_store) {
  ASSERT_EQ(run(talk("one")).code, 0);
  auto const held = storage::open_rocksdb(path("store"));
  ASSERT_TRUE(held) << held.error().detail;
  auto const ran = run(talk("one"));
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("another dalsegno works in this store"));
}

TEST_F(RunTest, leaves_sessions_alone_that_its_file_does_not_know) {
  ASSERT_EQ(run(talk("one"), {"--kill-after", "3"}).signal, SIGKILL);
  auto const other = run(talk("two"));
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("session default/one is under way"));
  EXPECT_EQ(run(talk("one") + talk("two")).code, 0);
}

TEST_F(RunTest, refuses_another_start_under_the_same_name) {
  ASSERT_EQ(run(talk("one")).code, 0);
  auto const ran = run(talk("one"), {"--model", "other"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err,
              HasSubstr("session one did not go on: a session of this name is in the store"));
}

TEST_F(RunTest, stops_when_the_log_refuses_a_write_and_goes_on_later) {
  std::string talks;
  for (int i = 0; i < 40; ++i)
    talks += talk("s" + std::to_string(i), looks(4, std::string(2'000, 'x')));
  ASSERT_EQ(run(talk("s0", looks(4, std::string(2'000, 'x')))).code,
            0);  // the store is there, with its ballast
  write_file(path("talks.jsonl"), talks);
  auto const refused = dalsegno_with_file_limit(
      {"run", "--transcript", path("talks.jsonl"), "--data", path("store")}, 200'000);
  EXPECT_EQ(refused.code, 2) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("the log failed; nothing is acknowledged any more"));
  auto const after = run(talks);
  EXPECT_EQ(after.code, 0) << after.err;
  auto const all = facts();
  EXPECT_EQ(all.size(), 40U);
  for (auto const& [name, session] : all) EXPECT_EQ(session.end, end_of_talk) << name;
  EXPECT_EQ(check_attempts(*open_to_read(path("store"))).broken, std::vector<std::string>());
}

}  // namespace
}  // namespace dalsegno::test
