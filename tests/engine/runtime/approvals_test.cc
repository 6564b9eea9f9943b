// Requests for approval in a running engine, listed and answered.

#include "dalsegno/approval.h"
#include "engine/replay/open_approvals.h"
#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <string>

namespace dalsegno::engine::test {
namespace {

Workflow<std::string> pay(Context& ctx, int cents) {
  try {
    co_return co_await ctx.tool<std::string>("pay", cents);
  } catch (ApprovalDenied const& denied) {
    co_return denied.what();
  }
}

class ApprovalsOfAnEngine : public RuntimeTest {
 protected:
  void SetUp() override {
    registry.add(define_workflow("pay", pay));
    registry.add_tool(
        "pay", [](ActivityContext const&, std::string_view) { return ActivityReply{R"("paid")"}; });
    policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
      {"id": "asked", "effect": "permit", "actions": ["tool.call"], "reason": "money leaves",
       "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "1h"}}}]})")
                 .value();
    open();
    start(name("one"), "pay", "5");
  }
  [[nodiscard]] PendingApproval pending() const {
    auto const open = open_approvals(*log);
    EXPECT_TRUE(open) << open.error().detail;
    EXPECT_EQ(open->size(), 1U);
    return open->empty() ? PendingApproval() : open->front();
  }
  [[nodiscard]] Result<Receipt> answer(ApprovalDecision decision, std::string by) {
    return engine->answer_approval(
        name("one"), to_input(pending(), decision, {.by = std::move(by), .roles = {"lead"}}));
  }
};

TEST_F(ApprovalsOfAnEngine, are_listed_and_what_waits_goes_on_once_one_is_granted) {
  auto const waiting = pending();
  EXPECT_EQ(waiting.session, name("one"));
  EXPECT_EQ(waiting.action, "tool.call");
  EXPECT_EQ(waiting.what, "pay");
  EXPECT_EQ(waiting.why, "money leaves");
  EXPECT_EQ(waiting.arguments, "5");
  EXPECT_EQ(waiting.requester, "tester");
  EXPECT_EQ(find_approval({&waiting, 1}, waiting.id.substr(0, 6))->id, waiting.id);
  EXPECT_EQ(find_approval({&waiting, 1}, "one@1")->id, waiting.id);
  EXPECT_EQ(find_approval({&waiting, 1}, waiting.id.substr(0, 3)).error().code, Errc::not_found);

  EXPECT_EQ(answer(ApprovalDecision::grant, "tester").error().code, Errc::denied);
  ASSERT_TRUE(answer(ApprovalDecision::grant, "ann"));
  EXPECT_EQ(end_of(name("one")), R"("paid")");
  EXPECT_TRUE(open_approvals(*log)->empty());
  expect_replays(name("one"));
}

TEST_F(ApprovalsOfAnEngine, last_over_a_restart_and_may_be_denied) {
  auto const before = pending();
  open();
  EXPECT_EQ(pending().id, before.id);
  ASSERT_TRUE(answer(ApprovalDecision::deny, "ann"));
  EXPECT_EQ(end_of(name("one")), R"("ann denied it")");
  EXPECT_EQ(engine->answer_approval(name("one"), to_input(before, ApprovalDecision::grant, {"bob"}))
                .error()
                .code,
            Errc::ended);
  EXPECT_EQ(count<storage::AttemptStarted>(name("one")), 0U);
}

}  // namespace
}  // namespace dalsegno::engine::test
