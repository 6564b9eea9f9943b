// What a session tells policy about its calls, and what of it is in the decision.

#include "dalsegno/registry.h"
#include "engine/policy/recorded.h"
#include "tests/engine/session/session_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;
using test::SessionDriver;
using testing::ElementsAre;
using testing::IsEmpty;

/// Calls the tool "pay" again and again; ends with how often it was let.
Workflow<int> pay_often(Context& ctx, int times) {
  int paid = 0;
  for (int i = 0; i < times; ++i) {
    try {
      co_await ctx.tool<int>("pay", Json().set("amount", i), {.risk = Risk::money});
      ++paid;
    } catch (PolicyDenied const&) {
      continue;
    }
  }
  co_return paid;
}

SessionDriver payer(std::string_view rules) {
  SessionDriver out(define_workflow("pay_often", pay_often));
  out.policy =
      PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [)" + std::string(rules) + "]}").value();
  return out;
}

std::vector<storage::PolicyDecided> decisions(SessionDriver const& session) {
  std::vector<storage::PolicyDecided> out;
  for (auto const& event : session.history()) {
    if (auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body))
      out.push_back(*decided);
  }
  return out;
}

TEST(CallPolicy, counts_the_calls_of_a_session_by_tool) {
  auto session = payer(
      R"({"id": "twice", "effect": "permit", "actions": ["tool.call"],
          "when": {"counter": {"per": "session"}, "below": 2}})");
  session.start("4");
  session.complete(1, "0");
  session.complete(2, "0");
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->result, "2");
  auto const made = decisions(session);
  ASSERT_EQ(made.size(), 4U);
  EXPECT_EQ(made[1].ambient,
            (std::vector<storage::NamedValue>{{"calls/session/tool.call/pay", "1"}}));
  EXPECT_EQ(made[2].effect, storage::DecisionEffect::deny);
  EXPECT_EQ(made[2].ambient,
            (std::vector<storage::NamedValue>{{"calls/session/tool.call/pay", "2"}}));
  session.expect_replays();
}

TEST(CallPolicy, a_retry_does_not_count_against_itself) {
  auto session = payer(
      R"({"id": "once", "effect": "permit", "actions": ["tool.call"],
          "when": {"counter": {"per": "session", "resource": "*"}, "below": 1}})");
  session.start("1");
  session.fail(1, 1);
  session.fire_next();
  session.complete(1, "0", 2);
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->result, "1");
}

TEST(CallPolicy, a_counter_that_nobody_keeps_denies_and_says_so) {
  auto session = payer(
      R"({"id": "few", "effect": "permit", "actions": ["tool.call"],
          "when": {"counter": {"per": "tenant", "window": "1h"}, "below": 9}})");
  session.start("1");
  auto const made = decisions(session);
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].effect, storage::DecisionEffect::deny);
  ASSERT_EQ(made[0].errors.size(), 1U);
  EXPECT_EQ(made[0].errors[0].rule, "few");
  EXPECT_EQ(made[0].errors[0].message,
            "calls per tenant in 1h below 9: nobody counts calls/tenant/3600s/tool.call/pay here");
  EXPECT_EQ(made[0].ambient,
            (std::vector<storage::NamedValue>{{"calls/tenant/3600s/tool.call/pay", "null"}}));
}

TEST(CallPolicy, a_rule_may_ask_for_arguments_and_risk) {
  auto session = payer(
      R"({"id": "small", "effect": "permit", "actions": ["tool.call"],
          "when": {"all": [{"attribute": "risk", "eq": "money"}, {"argument": "/amount", "le": 0}]}})");
  session.start("2");
  session.complete(1, "0");
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->result, "1");
  auto const made = decisions(session);
  EXPECT_TRUE(made[0].complete);
  EXPECT_EQ(made[0].attributes,
            (std::vector<storage::NamedValue>{{"risk", "\"money\""}, {"taint", "[]"}}));
}

TEST(CallPolicy, a_permit_with_an_obligation_that_cannot_be_met_denies) {
  auto session = payer(
      R"({"id": "asked", "effect": "permit", "actions": ["tool.call"], "obligations":
          {"route": ["here"]}})");
  session.start("1");
  auto const made = decisions(session);
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].effect, storage::DecisionEffect::deny);
  EXPECT_THAT(made[0].rules, ElementsAre("asked"));
  EXPECT_EQ(made[0].reason,
            "rule asked permits it with the obligation route, which cannot be met here");
  ASSERT_EQ(made[0].ambient.size(), 1U);
  EXPECT_EQ(made[0].ambient[0].name, "fulfils");
  EXPECT_THAT(session.attempts, IsEmpty());

  // Made again, it comes out the same; and the obligation is there for whoever could have met it.
  DecisionContext const context{
      .session = &session.id, .workflow = "pay_often", .recorded_at = session.now, .arguments = {}};
  auto const again = decide_again(session.policy, made[0], context);
  EXPECT_FALSE(again.decision.permitted);
  EXPECT_THAT(again.unknown, IsEmpty());
  ASSERT_EQ(again.decision.obligations.size(), 1U);
  EXPECT_EQ(again.decision.obligations[0].parameters, R"(["here"])");
}

TEST(CallPolicy, a_tool_that_honours_routes_is_called_with_those_of_its_permit) {
  auto session = payer(
      R"({"id": "eu", "effect": "permit", "actions": ["tool.call"], "obligations":
          {"route": ["*.eu"]}})");
  session.registry.add_tool(
      "pay",
      [](ActivityContext const&, std::string_view) { return ActivityReply{"0"}; },
      {.honours_route = true});
  session.start("1");
  ASSERT_EQ(session.attempts.size(), 1U);
  auto const& routes = session.attempts[0].permit.routes();
  EXPECT_TRUE(routes.allow("bank.eu"));
  EXPECT_FALSE(routes.allow("bank.us"));
}

TEST(CallPolicy, a_rate_that_nobody_keeps_denies) {
  auto session = payer(
      R"({"id": "few", "effect": "permit", "actions": ["tool.call"], "obligations":
          {"rate": {"calls": 9, "per": "1h"}}})");
  session.start("1");
  auto const made = decisions(session);
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].effect, storage::DecisionEffect::deny);
  EXPECT_EQ(made[0].reason,
            "rule few permits it with the obligation rate, which cannot be met here");
}

TEST(CallPolicy, that_was_swapped_while_a_call_waits_for_its_retry_decides_about_the_retry) {
  auto session = payer(R"({"id": "all", "effect": "permit", "actions": ["*.call"]})");
  session.start("1");
  session.attempts.clear();
  session.fail(1, 1);
  session.policy = payer(R"({"id": "closed", "effect": "forbid", "actions": ["*.call"]})").policy;
  session.fire_next();
  EXPECT_THAT(session.attempts, IsEmpty()) << "nothing leaves under a policy that was withdrawn";
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->result, "0");
  auto const made = decisions(session);
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[1].attempt, 2U);
  EXPECT_EQ(made[1].policy, session.policy.digest());
  session.expect_replays();
}

TEST(CallPolicy, a_clock_that_is_set_back_revives_no_permit_that_has_expired) {
  auto session = payer(
      R"({"id": "short", "effect": "permit", "actions": ["*.call"],
          "expires": "1970-02-11T17:00:00Z"})");
  session.now = test::first_moment + 2h;
  session.start("1");
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->result, "0") << "it has expired";
  auto other = payer(
      R"({"id": "short", "effect": "permit", "actions": ["*.call"],
          "expires": "1970-02-11T17:00:00Z"})");
  other.start("2");
  EXPECT_EQ(other.attempts.size(), 1U) << "not yet";
  other.now += 2h;
  other.signal("noise", "1");
  other.now -= 2h;
  other.complete(1, "0");
  EXPECT_EQ(other.attempts.size(), 1U) << "the session has seen that it has expired";
}

TEST(CallPolicy, shadow_policies_are_recorded_and_not_obeyed) {
  auto session = payer(R"({"id": "all", "effect": "permit", "actions": ["*"]})");
  session.shadows.push_back(PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
      {"id": "never", "effect": "forbid", "actions": ["*"], "expires": "2999-01-01T00:00:00Z", "reason": "try"}]})")
                                .value());
  session.start("1");
  session.complete(1, "0");
  EXPECT_EQ(session.end->result, "1");
  auto const made = decisions(session);
  ASSERT_EQ(made[0].shadows.size(), 1U);
  EXPECT_EQ(made[0].shadows[0].effect, storage::DecisionEffect::deny);
  EXPECT_EQ(made[0].shadows[0].policy, session.shadows[0].digest());
  EXPECT_THAT(made[0].shadows[0].rules, ElementsAre("never"));
  ASSERT_EQ(made[0].ambient.size(), 1U) << "what the shadow asked for";
  EXPECT_EQ(made[0].ambient[0].name, "time");
}

TEST(CallPolicy,
     a_decision_without_its_attributes_or_arguments_is_unknown_where_they_are_asked_for) {
  storage::PolicyDecided old;
  old.action = "tool.call";
  old.resource = "pay";
  SessionId const id{"default", "s"};
  DecisionContext const context{
      .session = &id, .workflow = "w", .recorded_at = Time(1s), .arguments = {}};
  auto const unknown = [&](std::string_view condition) {
    auto const set = PolicySet::parse(
        R"({"dalsegno_policy": 1, "rules": [{"id": "r", "effect": "permit", "actions": ["*"], "when": )" +
        std::string(condition) + "}]}");
    return decide_again(set.value(), old, context).unknown;
  };
  EXPECT_THAT(unknown(R"({"attribute": "risk", "eq": "read"})"), ElementsAre("risk"));
  EXPECT_THAT(unknown(R"({"attribute": "principal.roles", "contains": "a"})"),
              ElementsAre("principal.roles"));
  EXPECT_THAT(unknown(R"({"argument": "/a", "eq": 1})"), ElementsAre("arguments"));
  EXPECT_THAT(unknown(R"({"counter": {"per": "session"}, "below": 1})"),
              ElementsAre("calls/session/tool.call/pay"));
  EXPECT_THAT(unknown(R"({"attribute": "workflow", "eq": "w"})"), IsEmpty());
  EXPECT_THAT(unknown(R"({"time": {"before": "2000-01-01T00:00:00Z"}})"), IsEmpty());
}

TEST(CallPolicy, a_tool_may_declare_its_risk_and_trust_where_it_is_registered) {
  Registry registry;
  registry.add_tool("pay", {}, Risk::destructive)
      .add_tool("web", {}, {.risk = Risk::read, .untrusted = true})
      .add_tool("*", {}, Risk::external);
  EXPECT_EQ(registry.options_of_tool("pay").risk, Risk::destructive);
  EXPECT_FALSE(registry.options_of_tool("pay").untrusted);
  EXPECT_TRUE(registry.options_of_tool("web").untrusted);
  EXPECT_EQ(registry.options_of_tool("other").risk, Risk::external);
  EXPECT_EQ(Registry().options_of_tool("pay").risk, Risk::undeclared);
}

}  // namespace
}  // namespace dalsegno::engine
