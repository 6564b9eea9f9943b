// `dalsegno policy` and `dalsegno denials` as a person runs them.

#include "tests/e2e/command.h"
#include "tests/e2e/sessions.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;

constexpr std::string_view talk =
    R"({"id":"one","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Pay, please."},)"
    R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"pay","arguments":"{\"amount\":70}"}}]},)"
    R"({"role":"tool","tool_call_id":"c1","content":"paid"},{"role":"assistant","content":"I paid."},)"
    R"({"role":"user","content":"Bye."}]})";

constexpr std::string_view rules = R"({"dalsegno_policy": 1, "name": "till", "rules": [
  {"id": "calls", "effect": "permit", "actions": ["*.call"]},
  {"id": "large", "effect": "forbid", "actions": ["tool.call"], "resources": ["pay"],
   "when": {"argument": "/arguments/amount", "gt": LIMIT}, "reason": "that is too much"}]})";

std::string till(std::string const& limit) {
  std::string out(rules);
  return out.replace(out.find("LIMIT"), 5, limit);
}

class PolicyVerbs : public testing::Test {
 protected:
  void SetUp() override {
    write_file(path("talk.jsonl"), std::string(talk) + "\n");
    write_file(path("till.json"), till("100"));
    write_file(path("strict.json"), till("50"));
  }
  [[nodiscard]] std::string path(std::string const& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] Ran policy(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "policy");
    return dalsegno(arguments);
  }
  void record(std::string const& with) {
    auto const ran = dalsegno({"run",
                               "--transcript",
                               path("talk.jsonl"),
                               "--data",
                               path("store"),
                               "--policy",
                               path(with)});
    ASSERT_NE(ran.code, 2) << ran.err;
  }

  TemporaryFolder folder_;
};

TEST_F(PolicyVerbs, check_gives_the_version_and_warns_and_refuses) {
  auto const fine = policy({"check", path("till.json")});
  EXPECT_EQ(fine.code, 0) << fine.err;
  EXPECT_THAT(fine.out, HasSubstr("2 rules, 0 warnings, version "));

  write_file(path("old.json"), R"({"dalsegno_policy": 1, "rules": [
 {"id": "old", "effect": "permit", "actions": ["*"], "expires": "2020-01-01T00:00:00Z"}]})");
  auto const warned = policy({"check", path("till.json"), path("old.json"), "--strict"});
  EXPECT_EQ(warned.code, 4);
  EXPECT_THAT(warned.out, HasSubstr("old.json:2:2: warning: rule old expired at 2020-01-01"));

  write_file(path("bad.json"), "{\"dalsegno_policy\": 1,\n \"rulez\": []}");
  auto const refused = policy({"check", path("bad.json")});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              HasSubstr("bad.json:2:2: unknown field \"rulez\"; did you mean \"rules\"?"));
  EXPECT_EQ(policy({"check", path("nowhere.json")}).code, 2);
}

TEST_F(PolicyVerbs, test_compares_cases_with_what_they_expect) {
  constexpr std::string_view suite =
      R"({"dalsegno_policy_test": 1, "policies": ["till.json"], "cases": [
  {"name": "small", "request": {"action": "tool.call", "resource": "pay", "arguments": {"arguments": {"amount": 70}}},
   "expect": {"effect": "permit", "rules": ["calls"], "obligations": []}},
  {"name": "large", "request": {"action": "tool.call", "resource": "pay", "arguments": {"arguments": {"amount": 170}}},
   "expect": {"effect": "deny", "rules": ["large"], "errors": []}}]})";
  write_file(path("suite.json"), std::string(suite));
  auto const passed = policy({"test", path("suite.json")});
  EXPECT_EQ(passed.code, 0) << passed.out << passed.err;
  EXPECT_THAT(passed.err, HasSubstr("2 cases, 0 failed"));

  auto const failed = policy({"test", path("suite.json"), "--policy", path("strict.json")});
  EXPECT_EQ(failed.code, 1);
  EXPECT_THAT(failed.out, HasSubstr("small: expected permit, got deny by large: that is too much"));

  write_file(path("suite.json"), R"({"dalsegno_policy_test": 1, "policies": ["till.json"],
 "cases": [{"name": "x", "reqest": {}}]})");
  auto const refused = policy({"test", path("suite.json")});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              HasSubstr("suite.json:2:26: unknown field \"reqest\"; did you mean \"request\"?"));
}

TEST_F(PolicyVerbs, explain_says_of_every_rule_why_it_matched_or_not) {
  auto const denied = policy(
      {"explain",
       path("till.json"),
       "--request",
       R"({"action": "tool.call", "resource": "pay", "arguments": {"arguments": {"amount": 170}}})"});
  EXPECT_EQ(denied.code, 5);
  EXPECT_THAT(denied.out, HasSubstr("calls (permit): matched\n"));
  EXPECT_THAT(
      denied.out,
      HasSubstr(
          "large (forbid): matched\n    argument /arguments/amount gt 100: it is 170: yes\n"));
  EXPECT_THAT(denied.out, HasSubstr("deny by large\n    that is too much\n"));
  auto const permitted = policy({"explain",
                                 path("till.json"),
                                 "--json",
                                 "--request",
                                 R"({"action": "model.call", "resource": "m"})"});
  EXPECT_EQ(permitted.code, 0) << permitted.err;
  EXPECT_THAT(permitted.out, HasSubstr(R"("outcome":"other_action")"));
}

TEST_F(PolicyVerbs, explain_and_test_take_the_use_of_a_rate_from_the_request) {
  write_file(path("rate.json"), R"({"dalsegno_policy": 1, "rules": [
    {"id": "few", "effect": "permit", "actions": ["*.call"],
     "obligations": {"rate": {"calls": 3, "per": "1m"}}}]})");
  auto const asked = [&](std::string const& counters) {
    return policy({"explain",
                   path("rate.json"),
                   "--request",
                   R"({"action": "model.call", "resource": "m", "counters": {)" + counters + "}}"});
  };
  EXPECT_EQ(asked("").code, 0) << "where nobody counts it is left to who acts";
  EXPECT_EQ(asked(R"("rate/60s/few": 2)").code, 0);
  auto const full = asked(R"("rate/60s/few": 3)");
  EXPECT_EQ(full.code, 5);
  EXPECT_THAT(full.out, HasSubstr("rule few permits 3 calls in 1m, and 3 were made"));
}

TEST_F(PolicyVerbs, a_counter_or_verb_that_is_misspelt_is_refused) {
  for (auto const* const name : {"rate/60/few",
                                 "rate/60s/",
                                 "rate/few",
                                 "calls/sesion/tool.call/pay",
                                 "calls/session/tool.cal/pay",
                                 "calls/session/tool.call/"}) {
    auto const ran =
        policy({"explain",
                path("till.json"),
                "--request",
                R"({"action": "model.call", "counters": {")" + std::string(name) + R"(": 2}})"});
    EXPECT_EQ(ran.code, 2) << name;
    EXPECT_THAT(ran.err, HasSubstr("is no counter: write"));
  }
  auto const misspelt = policy({"chekc", path("till.json")});
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_THAT(misspelt.err, HasSubstr("did you mean check?"));
  auto const none = policy({});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("policy takes one of check, test, explain, "));
}

TEST_F(PolicyVerbs, replay_judges_rates_by_what_was_recorded) {
  write_file(path("rate.json"), R"({"dalsegno_policy": 1, "rules": [
    {"id": "few", "effect": "permit", "actions": ["*.call"],
     "obligations": {"rate": {"calls": 2, "per": "1h"}}}]})");
  record("rate.json");
  auto const same = policy({"replay", "--data", path("store")});
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  auto const verified = dalsegno({"verify", "--data", path("store")});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  auto const denials = dalsegno({"denials", "--data", path("store")});
  EXPECT_THAT(denials.out, HasSubstr("the next one may start at"));
}

TEST_F(PolicyVerbs, replay_tells_which_recorded_calls_another_policy_denies) {
  record("till.json");
  auto const same = policy({"replay", "--data", path("store")});
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  EXPECT_THAT(same.out, HasSubstr("3 decisions: 0 change"));

  auto const strict = policy({"replay", "--data", path("store"), "--policy", path("strict.json")});
  EXPECT_EQ(strict.code, 1) << strict.err;
  EXPECT_THAT(strict.out, HasSubstr("tool.call pay: permit -> deny by large: that is too much"));
  EXPECT_THAT(strict.out, HasSubstr("3 decisions: 1 change, 1 now denied"));

  write_file(path("counts.json"),
             R"({"dalsegno_policy": 1, "rules": [{"id": "few", "effect": "permit", "actions": ["*"],
    "when": {"counter": {"per": "tenant", "window": "1h"}, "below": 5}}]})");
  auto const unknown = policy({"replay", "--data", path("store"), "--policy", path("counts.json")});
  EXPECT_EQ(unknown.code, 125);
  EXPECT_THAT(unknown.out, HasSubstr("unknown: not recorded: calls/tenant/3600s/tool.call/pay"));
}

TEST_F(PolicyVerbs, diff_compares_rules_and_recorded_decisions) {
  auto const rules_only = policy({"diff", path("till.json"), path("strict.json")});
  EXPECT_EQ(rules_only.code, 1);
  EXPECT_EQ(rules_only.out, "changed large: when\n");
  EXPECT_EQ(policy({"diff", path("till.json"), path("till.json")}).code, 0);
  record("till.json");
  auto const both =
      policy({"diff", path("till.json"), path("strict.json"), "--data", path("store")});
  EXPECT_EQ(both.code, 1) << both.err;
  EXPECT_THAT(both.out, HasSubstr("tool.call pay: permit by calls -> deny by large"));
}

TEST_F(PolicyVerbs, denials_lists_what_was_denied) {
  record("strict.json");
  auto const ran = dalsegno({"denials", "--data", path("store")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("tool.call pay\tlarge\tthat is too much"));
  auto const json = dalsegno({"denials", "--data", path("store"), "--json"});
  EXPECT_THAT(json.out, HasSubstr(R"("schema":"dalsegno.denial")"));
  auto const verified = dalsegno({"verify", "--data", path("store")});
  EXPECT_EQ(verified.code, 0) << verified.out << "decisions that look at arguments hold";
}

TEST(Examples, the_airline_desk_passes_its_suite_without_a_warning) {
  std::string const folder = DALSEGNO_SOURCE "/examples/policies/";
  auto const suite = dalsegno({"policy", "test", folder + "airline-desk.test.json"});
  EXPECT_EQ(suite.code, 0) << suite.out << suite.err;
  auto const check = dalsegno({"policy", "check", folder + "airline-desk.json", "--strict"});
  EXPECT_EQ(check.code, 0) << check.out << check.err;
}

}  // namespace
}  // namespace dalsegno::test
