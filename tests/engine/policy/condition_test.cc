// What each operator says, and what it refuses to say.

#include "engine/policy/policy.h"
#include "tests/engine/policy/requests.h"

#include <gtest/gtest.h>

#include <string>

namespace dalsegno::engine {
namespace {

using test::noon;
using test::tool_call;

/// Of a permit with this condition: "yes", "no", or why it cannot be evaluated.
std::string judged(std::string const& condition,
                   std::string_view arguments = "{}",
                   Time now = noon,
                   std::span<Attribute const> attributes = {}) {
  auto const set = PolicySet::parse(
      R"({"dalsegno_policy": 1, "rules": [{"id": "r", "effect": "permit", "actions": ["*"], "when": )" +
      condition + "}]}");
  if (!set) return set.error().detail;
  auto request = tool_call("pay");
  request.arguments = arguments;
  request.attributes = attributes;
  auto const decision = set->decide(request, PolicyTime(now));
  if (!decision.errors.empty()) return decision.errors.front().message;
  return decision.permitted ? "yes" : "no";
}

std::string argument(std::string_view test, std::string_view value) {
  return judged("{\"argument\": \"/x\", " + std::string(test) + "}",
                "{\"x\": " + std::string(value) + "}");
}

TEST(Condition, compares_scalars_by_kind_and_numbers_by_value) {
  EXPECT_EQ(argument(R"("eq": "a")", R"("a")"), "yes");
  EXPECT_EQ(argument(R"("eq": "1")", "1"), "no");
  EXPECT_EQ(argument(R"("eq": 1)", "1.0"), "yes");
  EXPECT_EQ(argument(R"("eq": 1e2)", "100"), "yes");
  EXPECT_EQ(argument(R"("ne": 1)", "true"), "yes");
  EXPECT_EQ(argument(R"("eq": null)", "null"), "yes");
  EXPECT_EQ(argument(R"("eq": true)", "false"), "no");
  EXPECT_EQ(argument(R"("eq": "a")", "[\"a\"]"), "no");
  EXPECT_EQ(argument(R"("in": ["a", 2, null])", "2.0"), "yes");
  EXPECT_EQ(argument(R"("in": ["a", 2, null])", "\"b\""), "no");
}

TEST(Condition, orders_integers_beyond_2_to_the_53_exactly) {
  EXPECT_EQ(argument(R"("lt": 9007199254740993)", "9007199254740992"), "yes");
  EXPECT_EQ(argument(R"("eq": 9007199254740993)", "9007199254740992"), "no");
  EXPECT_EQ(argument(R"("gt": -99999999999999999999)", "-99999999999999999998"), "yes");
  EXPECT_EQ(argument(R"("gt": 1.5)", "99999999999999999999"), "yes");
  EXPECT_EQ(argument(R"("lt": 0)", "-99999999999999999999"), "yes");
  EXPECT_EQ(argument(R"("lt": 1e300)", "99999999999999999999"),
            "argument /x lt 1e+300: the value is number and has no order with 1e+300");
}

TEST(Condition, orders_strings_by_bytes_and_nothing_else_but_numbers) {
  EXPECT_EQ(argument(R"("between": ["2026-01-01", "2026-12-31"])", R"("2026-11-23")"), "yes");
  EXPECT_EQ(argument(R"("between": [1, 2.5])", "2.5"), "yes");
  EXPECT_EQ(argument(R"("between": [1, 2.5])", "2.6"), "no");
  EXPECT_EQ(argument(R"("le": 5)", R"("4")"),
            "argument /x le 5: the value is string and has no order with 5");
  EXPECT_EQ(argument(R"("ge": 5)", "null"),
            "argument /x ge 5: the value is null and has no order with 5");
}

TEST(Condition, matches_strings_whole) {
  EXPECT_EQ(argument(R"("prefix": "acct-")", R"("acct-7")"), "yes");
  EXPECT_EQ(argument(R"("suffix": ".eu")", R"("a.eu.com")"), "no");
  EXPECT_EQ(argument(R"("glob": "a*c?")", R"("abcd")"), "yes");
  EXPECT_EQ(argument(R"("regex": "[a-z]+")", R"("abc")"), "yes");
  EXPECT_EQ(argument(R"("regex": "[a-z]+")", R"("abc1")"), "no");
  EXPECT_EQ(argument(R"("prefix": "a")", "7"),
            "argument /x prefix \"a\": the value is no string but number");
  EXPECT_EQ(argument(R"("regex": "a*")", "\"" + std::string(70'000, 'a') + "\""),
            "argument /x regex \"a*\": the value has 70000 bytes; patterns are matched with 65536 "
            "at most");
}

TEST(Condition, looks_into_networks) {
  constexpr std::string_view networks = R"("cidr": ["10.0.0.0/8", "2001:db8::/32"])";
  EXPECT_EQ(argument(networks, R"("10.255.0.1")"), "yes");
  EXPECT_EQ(argument(networks, R"("11.0.0.1")"), "no");
  EXPECT_EQ(argument(networks, R"("2001:db8::7")"), "yes");
  EXPECT_EQ(argument(networks, R"("::ffff:10.0.0.1")"), "yes") << "it is the same host";
  EXPECT_NE(argument(networks, R"("010.0.0.1")").find("no IP address"), std::string::npos);
  EXPECT_NE(argument(networks, R"("10.0.0.1%eth0")").find("no IP address"), std::string::npos);
}

TEST(Condition, looks_into_lists) {
  EXPECT_EQ(argument(R"("subset": ["a", "b", 1])", R"(["b", 1.0])"), "yes");
  EXPECT_EQ(argument(R"("subset": ["a", "b"])", R"(["b", "c"])"), "no");
  EXPECT_EQ(argument(R"("subset": ["a"])", "[]"), "yes");
  EXPECT_EQ(argument(R"("contains": 2)", "[1, 2]"), "yes");
  EXPECT_EQ(argument(R"("contains": 2)", "[[2]]"), "no");
  EXPECT_EQ(argument(R"("contains": 2)", "2"),
            "argument /x contains 2: the value is no list but number");
}

TEST(Condition, only_exists_may_ask_for_what_is_not_there) {
  EXPECT_EQ(judged(R"({"argument": "/y", "exists": false})"), "yes");
  EXPECT_EQ(judged(R"({"argument": "/y", "exists": true})"), "no");
  EXPECT_EQ(judged(R"({"argument": "/y", "ne": 1})"), "argument /y ne 1: there is no such value");
  EXPECT_EQ(judged(R"({"not": {"argument": "/y", "eq": 1}})"),
            "argument /y eq 1: there is no such value");
  EXPECT_EQ(judged(R"({"attribute": "risk", "eq": "read"})"),
            "attribute risk eq \"read\": there is no such value");
  EXPECT_EQ(judged(R"({"attribute": "taint", "exists": false})"), "yes");
  EXPECT_EQ(
      judged(R"({"argument": "/y", "exists": true})", "no JSON"),
      "argument /y exists true: the arguments are not JSON: line 1, column 1: expected a value, "
      "found 'n'");
}

TEST(Condition, follows_pointers_as_rfc_6901_has_them) {
  constexpr std::string_view arguments =
      R"({"a/b": 1, "m~n": 2, "": 3, "list": [10, [11]], "0": 4, "o": {"01": 5}})";
  auto const found = [&](std::string const& pointer, std::string const& value) {
    return judged("{\"argument\": \"" + pointer + "\", \"eq\": " + value + "}", arguments);
  };
  EXPECT_EQ(found("/a~1b", "1"), "yes");
  EXPECT_EQ(found("/m~0n", "2"), "yes");
  EXPECT_EQ(found("/", "3"), "yes");
  EXPECT_EQ(found("/list/1/0", "11"), "yes");
  EXPECT_EQ(found("/0", "4"), "yes");
  EXPECT_EQ(found("/o/01", "5"), "yes");
  for (auto const* const nowhere : {"/list/2", "/list/-", "/list/00", "/list/x", "/o/1", "/0/0"})
    EXPECT_NE(found(nowhere, "1").find("no such value"), std::string::npos) << nowhere;
}

TEST(Condition, all_and_any_stop_at_what_settles_them) {
  constexpr std::string_view missing = R"({"argument": "/y", "eq": 1})";
  constexpr std::string_view yes = R"({"argument": "/x", "eq": 1})";
  constexpr std::string_view no = R"({"argument": "/x", "eq": 2})";
  auto const group = [&](std::string_view kind, std::string_view first, std::string_view second) {
    return judged("{\"" + std::string(kind) + "\": [" + std::string(first) + ", " +
                      std::string(second) + "]}",
                  R"({"x": 1})");
  };
  EXPECT_EQ(group("all", no, missing), "no");
  EXPECT_EQ(group("any", yes, missing), "yes");
  EXPECT_NE(group("all", missing, no).find("no such value"), std::string::npos);
  EXPECT_NE(group("any", missing, yes).find("no such value"), std::string::npos);
  EXPECT_NE(group("all", yes, missing).find("no such value"), std::string::npos);
}

TEST(Condition, knows_the_time_of_day_in_a_zone) {
  auto const at = [](std::string_view window, std::int64_t hours) {
    return judged(
        "{\"time\": {" + std::string(window) + "}}", "{}", noon + std::chrono::hours(hours));
  };  // noon is on Sunday, 2026-11-22
  EXPECT_EQ(at(R"("from": "13:00", "to": "14:00", "zone": "Europe/Berlin")", 0), "yes");
  EXPECT_EQ(at(R"("from": "13:00", "to": "14:00")", 0), "no");
  EXPECT_EQ(at(R"("from": "22:00", "to": "06:00")", 11), "yes") << "over midnight";
  EXPECT_EQ(at(R"("from": "22:00", "to": "06:00")", 18), "no") << "the end is not in it";
  EXPECT_EQ(at(R"("days": ["sun"])", 0), "yes");
  EXPECT_EQ(at(R"("days": ["mon"], "zone": "Pacific/Auckland")", 0), "yes");
  EXPECT_EQ(at(R"("after": "2026-11-22T12:00:00Z", "before": "2026-11-22T13:00:00Z")", 0), "yes");
  EXPECT_EQ(at(R"("after": "2026-11-22T12:00:00Z", "before": "2026-11-22T13:00:00Z")", 1), "no");
}

TEST(Condition, an_expired_rule_matches_nothing) {
  auto const set = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "all", "effect": "permit", "actions": ["*"]},
    {"id": "not-yet", "effect": "forbid", "actions": ["*"], "expires": "2026-11-22T13:00:00+01:00"}]})");
  EXPECT_FALSE(
      set->decide(tool_call("x"), PolicyTime(noon - std::chrono::microseconds(1))).permitted);
  EXPECT_TRUE(set->decide(tool_call("x"), PolicyTime(noon)).permitted);
}

TEST(Condition, a_forbid_that_cannot_be_evaluated_denies_and_says_why) {
  auto const set = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "all", "effect": "permit", "actions": ["*"]},
    {"id": "large", "effect": "forbid", "actions": ["*"], "when": {"argument": "/amount", "gt": 5}, "reason": "too much"}]})");
  auto request = tool_call("pay");
  request.arguments = R"({"amount": "7"})";
  auto const decision = set->decide(request, PolicyTime(noon));
  EXPECT_FALSE(decision.permitted);
  EXPECT_EQ(decision.rules, std::vector<std::string>{"large"});
  EXPECT_EQ(
      decision.reason,
      "too much (rule large forbids and cannot be evaluated: argument /amount gt 5: the value is "
      "string and has no order with 5)");
}

TEST(Condition, what_was_read_is_in_the_decision) {
  auto const set = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "r", "effect": "permit", "actions": ["tool.call"], "when": {"all": [
      {"attribute": "workflow", "eq": "agent"}, {"argument": "", "exists": true}]}},
    {"id": "later", "effect": "permit", "actions": ["model.call"], "expires": "2999-01-01T00:00:00Z"}]})");
  auto request = tool_call("x");
  request.arguments = "{}";
  auto const tool = set->decide(request, PolicyTime(noon));
  EXPECT_TRUE(tool.read.arguments);
  EXPECT_EQ(tool.read.attributes.count(), 1U);
  EXPECT_TRUE(tool.ambient.empty()) << "nobody asked what time it was";
  auto const model = set->decide(test::model_call("x"), PolicyTime(noon));
  EXPECT_EQ(model.ambient, (std::vector<AmbientInput>{{"time", "1795348800000000"}}));
}

}  // namespace
}  // namespace dalsegno::engine
