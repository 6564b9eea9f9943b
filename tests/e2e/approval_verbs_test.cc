// `dalsegno approvals`, `approve` and `deny` as a person uses them on a store that is at rest.

#include "dalsegno/json.h"
#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view talk =
    R"({"id":"one","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Pay, please."},)"
    R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"pay","arguments":"{\"amount\":70}"}}]},)"
    R"({"role":"tool","tool_call_id":"c1","content":"paid"},{"role":"assistant","content":"I paid."},)"
    R"({"role":"user","content":"Bye."}]})";

constexpr std::string_view rules = R"({"dalsegno_policy": 1, "name": "till", "rules": [
  {"id": "calls", "effect": "permit", "actions": ["*.call"]},
  {"id": "large", "effect": "permit", "actions": ["tool.call"], "resources": ["pay"],
   "when": {"argument": "/arguments/amount", "gt": 50}, "reason": "that is much",
   "obligations": {"require_approval": {"roles": ["lead"], "count": 2, "within": "24h"}}}]})";

class ApprovalVerbs : public testing::Test {
 protected:
  void SetUp() override {
    write_file(path("talk.jsonl"), std::string(talk) + "\n");
    write_file(path("till.json"), std::string(rules));
    auto const ran = work();
    ASSERT_EQ(ran.code, 1) << ran.err;
    ASSERT_THAT(ran.out, HasSubstr("1 waits for approval"));
  }
  [[nodiscard]] std::string path(std::string const& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] Ran verb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", path("store")});
    return dalsegno(arguments);
  }
  [[nodiscard]] Ran work() const {
    return verb({"run", "--transcript", path("talk.jsonl"), "--policy", path("till.json")});
  }
  [[nodiscard]] Ran answer(std::string const& how,
                           std::string const& id,
                           std::string const& by,
                           std::string const& role = "lead") const {
    return verb({how, id, "--as", by, "--role", role, "--reason", "I looked at it"});
  }
  [[nodiscard]] Json pending() const {
    auto const listed = verb({"approvals", "--json"});
    EXPECT_EQ(listed.code, 0) << listed.err;
    auto line = parse_json(listed.out);
    EXPECT_TRUE(line) << listed.out;
    return line ? std::move(*line) : Json();
  }
  [[nodiscard]] std::string id() const { return *pending().find("id")->as_string(); }

  TemporaryFolder folder_;
};

TEST_F(ApprovalVerbs, list_what_waits_with_its_arguments_and_who_may_answer) {
  auto const waiting = pending();
  EXPECT_EQ(*waiting.find("schema"), Json("dalsegno.approval"));
  EXPECT_EQ(*waiting.find("session"), Json("one"));
  EXPECT_EQ(*waiting.find("action"), Json("tool.call"));
  EXPECT_EQ(*waiting.find("what"), Json("pay"));
  EXPECT_EQ(*waiting.find("why"), Json("that is much"));
  EXPECT_EQ(*waiting.find("rule"), Json("large"));
  EXPECT_EQ(to_string(*waiting.find("approvers")), R"(["lead"])");
  EXPECT_EQ(waiting.find("arguments")->find("arguments")->find("amount")->as_integer() == nullptr,
            false);

  auto const listed = verb({"approvals"});
  EXPECT_THAT(listed.out, HasSubstr("default/one@"));
  EXPECT_THAT(listed.out, HasSubstr("0 of 2"));
  EXPECT_THAT(listed.err, HasSubstr("verified: chain of "));
}

TEST_F(ApprovalVerbs, approve_lets_it_go_on_once_enough_people_did) {
  auto const which = id();
  auto const first = answer("approve", which.substr(0, 8), "ann");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("it waits for 1 more"));
  auto const again = answer("approve", which, "Ann");
  EXPECT_EQ(again.code, 2) << again.err;
  EXPECT_THAT(again.err, HasSubstr("has approved it already"));
  auto const clerk = answer("approve", which, "cid", "clerk");
  EXPECT_EQ(clerk.code, 5) << clerk.err;
  EXPECT_EQ(work().code, 1) << "one is missing still";

  auto const waiting = pending();
  EXPECT_EQ(to_string(*waiting.find("granted_by")), R"(["ann"])");
  auto const place = "one@" + to_string(*waiting.find("operation"));
  EXPECT_EQ(answer("approve", place, "bob").code, 0);
  auto const ran = work();
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("1 of 1 session completed"));
  EXPECT_EQ(verb({"verify"}).code, 0) << verb({"verify"}).err;
  EXPECT_EQ(verb({"replay", "one"}).code, 0) << verb({"replay", "one"}).err;
  EXPECT_THAT(verb({"show", "one"}).out, HasSubstr("approved by bob"));
  EXPECT_EQ(answer("approve", which, "dan").code, 2) << "it is over";
}

TEST_F(ApprovalVerbs, deny_ends_the_call_and_denials_says_who_did) {
  auto const said = answer("deny", id(), "bob");
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("is denied by bob"));
  static_cast<void>(work());
  auto const listed = verb({"denials"});
  EXPECT_THAT(listed.out, HasSubstr("bob denied it: I looked at it"));
  EXPECT_THAT(listed.out, HasSubstr("large"));
  auto const verified = verb({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  EXPECT_THAT(verb({"approvals"}).err, HasSubstr("nothing waits for approval"));
  EXPECT_THAT(verb({"show", "one"}).out, Not(HasSubstr("paid\n")));
}

}  // namespace
}  // namespace dalsegno::test
