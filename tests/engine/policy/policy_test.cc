#include "engine/policy/policy.h"

#include "dalsegno/json.h"
#include "engine/policy/glob.h"
#include "engine/policy/rule.h"
#include "tests/engine/policy/document_gen.h"
#include "tests/engine/policy/requests.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

namespace dalsegno::engine {
namespace {

PolicySet parsed(std::string_view text) {
  auto set = PolicySet::parse(text, "desk.json");
  EXPECT_TRUE(set) << (set ? "" : set.error().detail);
  return set ? *set : PolicySet();
}

std::string error_of(std::string_view text) {
  auto const set = PolicySet::parse(text, "desk.json");
  EXPECT_FALSE(set);
  if (set) return {};
  EXPECT_EQ(set.error().code, Errc::invalid);
  return set.error().detail;
}

/// A document of one rule with the given members.
std::string with_rule(std::string_view members) {
  return R"({"dalsegno_policy":1,"rules":[{)" + std::string(members) + "}]}";
}

using test::decide;
using test::generate_document;
using test::model_call;
using test::tool_call;

constexpr std::string_view desk = R"({"dalsegno_policy": 1, "name": "airline desk", "rules": [
  {"id": "models", "effect": "permit", "actions": ["model.call"], "resources": ["gpt-*"],
   "reason": "the desk's own models"},
  {"id": "tools", "effect": "permit", "actions": ["tool.call"], "reason": "the desk's tools"},
  {"id": "no-refunds", "effect": "forbid", "actions": ["tool.call"], "resources": ["refund_*"],
   "principals": {"tenants": ["*"]}, "reason": "refunds need a person", "owner": "desk lead"},
  {"id": "no-gifts", "effect": "forbid", "actions": ["tool.*"], "resources": ["*_gift", "refund_all"]}]})";

// ---- deciding ----

TEST(Policy, permits_what_a_rule_permits) {
  auto const decision = decide(parsed(desk), model_call("gpt-4o"));
  EXPECT_TRUE(decision.permitted);
  EXPECT_EQ(decision.rules, std::vector<std::string>{"models"});
  EXPECT_EQ(decision.reason, "the desk's own models");
}

TEST(Policy, denies_what_no_rule_permits) {
  auto const set = parsed(desk);
  for (auto const& request : {model_call("claude"), model_call(""), model_call("agpt-4o")}) {
    auto const decision = decide(set, request);
    EXPECT_FALSE(decision.permitted);
    EXPECT_TRUE(decision.rules.empty());
    EXPECT_EQ(decision.reason,
              "no rule permits model.call of '" + std::string(request.resource) + "'");
  }
}

TEST(Policy, a_forbid_wins_over_a_permit) {
  auto const decision = decide(parsed(desk), tool_call("refund_ticket"));
  EXPECT_FALSE(decision.permitted);
  EXPECT_EQ(decision.rules, std::vector<std::string>{"no-refunds"});
  EXPECT_EQ(decision.reason, "refunds need a person");
}

TEST(Policy, names_all_determining_rules_in_document_order) {
  auto const decision = decide(parsed(desk), tool_call("refund_all"));
  EXPECT_EQ(decision.rules, (std::vector<std::string>{"no-refunds", "no-gifts"}));
}

TEST(Policy, a_set_without_rules_denies_everything) {
  PolicySet const empty;
  auto const decision = decide(empty, tool_call("search"));
  EXPECT_FALSE(decision.permitted);
  EXPECT_EQ(decision.reason, "no rule permits tool.call of 'search'");
  EXPECT_EQ(parsed(empty.document()).digest(), empty.digest());
}

TEST(Policy, denies_an_action_it_does_not_know_even_where_everything_is_permitted) {
  auto const set = parsed(with_rule(R"("id":"all","effect":"permit","actions":["*"])"));
  EXPECT_TRUE(decide(set, tool_call("search")).permitted);
  auto request = tool_call("search");
  for (auto const* const action : {"", "tool", "tool.call ", "Tool.call", "shell.run", "*"}) {
    request.action = action;
    EXPECT_FALSE(decide(set, request).permitted) << action;
  }
}

TEST(Policy, names_of_resources_hold_for_all_actions_of_the_rule) {
  auto const set = parsed(with_rule(
      R"("id":"r","effect":"permit","actions":["model.call","tool.call"],"resources":["search"])"));
  EXPECT_TRUE(decide(set, tool_call("search")).permitted);
  EXPECT_TRUE(decide(set, model_call("search")).permitted);
  EXPECT_FALSE(decide(set, tool_call("book")).permitted);
  auto activity = tool_call("search");
  activity.action = "activity.call";
  EXPECT_FALSE(decide(set, activity).permitted);
}

TEST(Policy, everything_that_a_rule_says_has_to_hold) {
  auto const set = parsed(with_rule(
      R"("id":"r","effect":"permit","actions":["tool.call"],"resources":["search"],)"
      R"("principals":{"kinds":["workflow"],"ids":["clerk","lead-*"],"tenants":["default"],"roles":["desk","floor"]},)"
      R"("when":{"all":[{"attribute":"workflow","eq":"agent"},{"attribute":"session","glob":"s?"}]})"));
  std::vector<std::string> const roles = {"night", "desk"};
  auto const asked = [&] {
    auto request = tool_call("search");
    request.principal.roles = roles;
    return request;
  };
  EXPECT_TRUE(decide(set, asked()).permitted);
  for (auto const field : {&Principal::kind, &Principal::id, &Principal::tenant}) {
    auto request = asked();
    request.principal.*field = "other";
    EXPECT_FALSE(decide(set, request).permitted);
  }
  for (auto const field :
       {&PolicyRequest::session, &PolicyRequest::workflow, &PolicyRequest::resource}) {
    auto request = asked();
    request.*field = "other";
    EXPECT_FALSE(decide(set, request).permitted);
  }
  auto request = asked();
  request.principal.roles = std::span(roles).first(1);
  EXPECT_FALSE(decide(set, request).permitted);
}

TEST(Policy, a_set_that_was_moved_from_still_decides) {
  auto set = parsed(desk);
  auto const moved = std::move(set);
  EXPECT_TRUE(decide(set, model_call("gpt-4o")).permitted);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(set.digest(), moved.digest());
}

TEST(Policy, decides_on_several_threads_at_once) {
  auto const set = parsed(desk);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&set] {
      for (int turn = 0; turn < 1'000; ++turn) {
        EXPECT_TRUE(decide(set, model_call("gpt-4o")).permitted);
        EXPECT_FALSE(decide(set, tool_call("refund_all")).permitted);
      }
    });
  }
}

std::string all_actions() {
  std::string out;
  for (auto const name : action_names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

// ---- the digest ----

Json with_members_reversed(Json value) {
  if (auto* const object = value.as_object()) {
    std::ranges::reverse(*object);
    for (auto& member : *object) member.value = with_members_reversed(std::move(member.value));
  } else if (auto* const array = value.as_array()) {
    for (auto& element : *array) element = with_members_reversed(std::move(element));
  }
  return value;
}

RC_GTEST_PROP(Policy, has_a_digest_that_blanks_and_the_order_of_members_do_not_change, ()) {
  auto const document = as_json(generate_document());
  auto const compact = PolicySet::parse(to_string(document));
  auto const pretty = PolicySet::parse(to_pretty_string(document));
  auto const reversed = PolicySet::parse(to_string(with_members_reversed(document)));
  RC_ASSERT(compact.has_value() && pretty.has_value() && reversed.has_value());
  RC_ASSERT(compact->digest() == pretty->digest());
  RC_ASSERT(compact->digest() == reversed->digest());
  RC_ASSERT(compact->document() == reversed->document());
  RC_ASSERT(compact->digest() == storage::sha256({compact->document()}));
}

TEST(Policy, has_another_digest_when_a_rule_changes) {
  auto const one = parsed(with_rule(R"("id":"r","effect":"permit","actions":["*"])"));
  auto const other = parsed(with_rule(R"("id":"r","effect":"forbid","actions":["*"])"));
  EXPECT_NE(one.digest(), other.digest());
}

TEST(Policy, keeps_its_name_and_document) {
  auto const set = parsed(desk);
  EXPECT_EQ(set.name(), "airline desk");
  EXPECT_EQ(set.document(), *canonicalize(desk));
}

// ---- what is refused ----

TEST(PolicyErrors, say_where_the_text_stops_being_json) {
  EXPECT_EQ(error_of("{\"dalsegno_policy\": 1,\n  \"rules\": [}\n").find("desk.json:2:13: "), 0U);
  EXPECT_EQ(error_of("").find("desk.json:1:1: "), 0U);
}

TEST(PolicyErrors, say_that_the_document_is_of_a_newer_version_and_nothing_else) {
  EXPECT_EQ(error_of(R"({"dalsegno_policy": 2, "rulez": 7})"),
            "desk.json:1:21: the document is in policy format 2, a newer version than this program "
            "reads (1)");
  EXPECT_NE(error_of(R"({"dalsegno_policy": 99999999999999999999})").find("newer version"),
            std::string::npos);
}

TEST(PolicyErrors, of_the_document_itself) {
  EXPECT_EQ(error_of("[]"), "desk.json:1:1: a policy document must be an object, not an array");
  EXPECT_EQ(error_of("{\"rules\":[]}"),
            "desk.json:1:1: \"dalsegno_policy\" is missing: a policy document begins "
            "{\"dalsegno_policy\": 1");
  EXPECT_EQ(error_of(R"({"dalsegno_policy":"1","rules":[]})"),
            "desk.json:1:20: \"dalsegno_policy\" must be 1, the version of the format");
  EXPECT_EQ(error_of(R"({"dalsegno_policy":1})"), "desk.json:1:1: \"rules\" is missing");
  EXPECT_EQ(error_of(R"({"dalsegno_policy":1,"rules":{}})"),
            "desk.json:1:30: \"rules\" must be a list of rules, not an object");
  EXPECT_EQ(error_of(R"({"dalsegno_policy":1,"rules":[3]})"),
            "desk.json:1:31: a rule must be an object, not a number");
  EXPECT_EQ(error_of(R"({"dalsegno_policy":1,"rules":[],"names":"x"})"),
            "desk.json:1:33: unknown field \"names\"; did you mean \"name\"?");
  EXPECT_EQ(error_of(R"({"dalsegno_policy":1,"rules":[],"name":null})"),
            "desk.json:1:40: \"name\" must be a string, not null");
}

struct Refusal {
  std::string_view members;
  std::string_view says;
};

TEST(PolicyErrors, of_a_rule) {
  for (auto const& [members, says] : std::initializer_list<Refusal>{
           {R"("effect":"permit","actions":["*"])", "1:31: the rule has no \"id\""},
           {R"("id":"r","actions":["*"])", "1:31: the rule has no \"effect\": permit or forbid"},
           {R"("id":"r","effect":"permit")", "1:31: the rule has no \"actions\""},
           {R"("id":"R","effect":"permit","actions":["*"])",
            "1:37: rule id \"R\" must be 1 to 64 characters of a-z, 0-9, '_', '.' and '-'"},
           {R"("id":7,"effect":"permit","actions":["*"])",
            "1:37: \"id\" must be a string, not a number"},
           {R"("id":"r","effect":"forbit","actions":["*"])",
            "1:50: unknown effect \"forbit\"; did you mean \"forbid\"?"},
           {R"("id":"r","effect":"maybe","actions":["*"])",
            "1:50: unknown effect \"maybe\"; known are permit, forbid"},
           {R"("id":"r","effect":true,"actions":["*"])",
            "1:50: \"effect\" must be \"permit\" or \"forbid\", not a boolean"},
           {R"("id":"r","effect":"permit","actions":"*")",
            "1:69: \"actions\" must be a list of strings, not a string"},
           {R"("id":"r","effect":"permit","actions":[])",
            "1:69: \"actions\" is empty: the rule would match nothing"},
           {R"("id":"r","effect":"permit","actions":["tool.cal"])",
            "1:70: unknown action \"tool.cal\"; did you mean \"tool.call\"?"},
           {R"("id":"r","effect":"permit","actions":["*.run"])",
            "1:70: no action matches \"*.run\"; known are model.call, tool.call, activity.call, "
            "net.connect"},
           {R"("id":"r","effect":"permit","actions":["tool.call","tool.call"])",
            "1:82: \"tool.call\" stands twice in \"actions\""},
           {R"("id":"r","effect":"permit","actions":["*"],"resources":[])",
            "1:87: \"resources\" is empty: the rule would match nothing; leave it out to match "
            "any"},
           {R"("id":"r","effect":"permit","actions":["*"],"resources":[null])",
            "1:88: an entry of \"resources\" must be a string, not null"},
           {R"("id":"r","effect":"permit","actions":["*"],"resources":[""])",
            "1:88: an entry of \"resources\" is empty"},
           {R"("id":"r","effect":"permit","actions":["*"],"resources":["a\nb"])",
            "1:88: an entry of \"resources\" contains a control character: \"a\\nb\""},
           {R"("id":"r","effect":"permit","actions":["*"],"resource":["x"])",
            "1:75: unknown field \"resource\"; did you mean \"resources\"?"},
           {R"("id":"r","effect":"permit","actions":["*"],"colour":"red")",
            "1:75: unknown field \"colour\"; known are id, effect, actions, resources, "
            "principals, when, obligations, reason, owner, expires"},
           {R"("id":"r","effect":"permit","actions":["*"],"a/b~c":1)",
            "1:75: unknown field \"a/b~c\"; known are"},
           {R"("id":"r","effect":"permit","actions":["*"],"reason":[])",
            "1:84: \"reason\" must be a string, not an array"},
       }) {
    auto const error = error_of(with_rule(members));
    EXPECT_EQ(error.find("desk.json:" + std::string(says)), 0U) << members << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << "one mistake, one line: " << error;
  }
}

TEST(PolicyErrors, name_the_line_of_the_first_rule_with_the_same_id) {
  EXPECT_EQ(error_of("{\"dalsegno_policy\": 1, \"rules\": [\n"
                     "  {\"id\": \"r\", \"effect\": \"permit\", \"actions\": [\"*\"]},\n"
                     "  {\"id\": \"r\", \"effect\": \"forbid\", \"actions\": [\"*\"]}]}"),
            "desk.json:3:10: rule id \"r\" is taken: it stands in desk.json in line 2 already");
}

TEST(PolicyErrors, of_a_document_are_all_reported_in_the_order_of_the_text) {
  EXPECT_EQ(error_of("{\"rulez\": 1,\n"
                     " \"rules\": [\n"
                     "  {\"id\": \"a\", \"efect\": \"permit\", \"actions\": [\"tool.call\"]},\n"
                     "  {\"id\": \"b\", \"effect\": \"permit\", \"actions\": [\"tool\"], "
                     "\"resources\": []}],\n"
                     " \"dalsegno_policy\": 1}"),
            "desk.json:1:2: unknown field \"rulez\"; did you mean \"rules\"?\n"
            "desk.json:3:3: the rule has no \"effect\": permit or forbid\n"
            "desk.json:3:15: unknown field \"efect\"; did you mean \"effect\"?\n"
            "desk.json:4:47: unknown action \"tool\"; known are " +
                all_actions() +
                "\n"
                "desk.json:4:69: \"resources\" is empty: the rule would match nothing; leave it "
                "out to match "
                "any");
}

TEST(PolicyErrors, beyond_twenty_are_counted) {
  std::string text = R"({"dalsegno_policy":1,"rules":[0)";
  for (int i = 1; i < 25; ++i) text += ",0";
  auto const error = error_of(text + "]}");
  EXPECT_EQ(std::ranges::count(error, '\n'), 20);
  EXPECT_TRUE(error.ends_with("\n(and 5 more)")) << error;
}

TEST(PolicyErrors, keep_to_one_line_whatever_stands_in_the_document) {
  auto const error =
      error_of(with_rule("\"id\":\"r\",\"effect\":\"permit\",\"actions\":[\"*\"],\"a\\nb" +
                         std::string(5'000, 'x') + "\":1"));
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_LT(error.size(), 400U);
}

TEST(PolicyErrors, of_a_document_that_is_too_long) {
  EXPECT_EQ(error_of(std::string((4U << 20U) + 1, ' ')),
            "desk.json:1:1: the document is 4194305 bytes long; at most 4194304 are allowed");
}

}  // namespace
}  // namespace dalsegno::engine
