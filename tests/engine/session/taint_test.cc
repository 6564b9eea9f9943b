// What comes from untrusted tools taints what follows in its session.

#include "tests/engine/session/session_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dalsegno::engine {
namespace {

using test::SessionDriver;
using testing::ElementsAre;

/// Pays, reads a page, pays again; over a checkpoint.
Workflow<std::string> shop(Context& ctx, std::string paid) {
  co_await ctx.checkpoint(paid);
  auto const pay = [&ctx](int cents) {
    return ctx.tool<std::string>("pay", cents, {.retry = {.max_attempts = 1}});
  };
  if (paid.empty()) {
    paid = co_await pay(1);
    try {
      paid += co_await ctx.tool<std::string>(
          "read_page", 0, {.retry = {.max_attempts = 1}, .untrusted = true});
    } catch (ActivityFailed const& failed) {
      paid += failed.what();
    }
    co_await ctx.checkpoint(paid);
  }
  try {
    paid += co_await pay(2);
  } catch (PolicyDenied const& denied) {
    paid += denied.what();
  }
  co_return paid;
}

SessionDriver shopper() {
  SessionDriver out(define_workflow("shop", shop));
  out.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "calls", "effect": "permit", "actions": ["tool.call"]},
    {"id": "clean", "effect": "forbid", "actions": ["tool.call"], "resources": ["pay"],
     "when": {"attribute": "taint", "contains": "read_page"}, "reason": "a page may not pay"}]})")
                   .value();
  return out;
}

std::vector<std::string> taints(SessionDriver const& session) {
  std::vector<std::string> out;
  for (auto const& event : session.history()) {
    auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body);
    if (decided == nullptr) continue;
    for (auto const& attribute : decided->attributes)
      if (attribute.name == "taint") out.push_back(attribute.value);
  }
  return out;
}

TEST(Taint, of_an_untrusted_tool_is_known_to_policy_from_its_result_on) {
  auto session = shopper();
  session.start(R"("")");
  session.complete(1, R"("paid ")");
  EXPECT_TRUE(session.session->state().taint.empty()) << "it has been called, no more";
  session.complete(2, R"("a page ")");
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->result, R"("paid a page a page may not pay")");
  EXPECT_THAT(taints(session), ElementsAre("[]", "[]", R"(["read_page"])"));
  ASSERT_EQ(session.checkpoints().size(), 1U);
  session.expect_replays();
}

TEST(Taint, comes_from_what_a_failure_says_too) {
  auto session = shopper();
  session.start(R"("")");
  session.complete(1, R"("paid ")");
  session.fail(2, 1);
  ASSERT_TRUE(session.end);
  EXPECT_THAT(taints(session), ElementsAre("[]", "[]", R"(["read_page"])"));
}

TEST(Taint, that_a_registered_tool_declares_is_recorded_with_its_calls) {
  Registry registry;
  registry.add_tool("read_page", {}, {.untrusted = true});
  PolicySet const policy = test::permit_all();
  Ambient const ambient{.now = test::first_moment, .policy = policy, .registry = &registry};
  auto const workflow = define_workflow(
      "read", +[](Context& ctx, int) -> Workflow<std::string> {
        co_return co_await ctx.tool<std::string>("read_page", 0);
      });
  SessionStart start;
  start.session = {"default", "s"};
  start.input = "0";
  Session session(workflow, start, {});
  auto const step = session.start(ambient);
  ASSERT_TRUE(step) << step.error().detail;
  EXPECT_TRUE(test::find_body<storage::OperationRequested>(step->events)->untrusted);
}

}  // namespace
}  // namespace dalsegno::engine
