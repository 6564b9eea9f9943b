// What verify finds where approvals were forged: in a log whose chain is right in every way.

#include "tools/dalsegno/forensics/approval_check.h"

#include "storage/memory/memory_log.h"
#include "tests/tools/dalsegno/session_script.h"
#include "tools/dalsegno/forensics/verify.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace dalsegno::forensics {
namespace {

using test::Said;
using test::SessionScript;

class ApprovalCheck : public testing::Test {
 protected:
  ApprovalCheck() {
    EXPECT_TRUE(test::activate_policy(*storage::open_memory(store)));
    log = storage::open_memory(store);
    script = std::make_unique<SessionScript>(*log, "s");
    // Sequences 1 to 4.
    step({script->started(),
          script->request(1, "pay", "5"),
          script->decide(1, "pay", "5"),
          script->ask_leads(1, "5")});
  }

  void step(std::vector<Said> said) {
    auto const appended = script->step(std::move(said));
    ASSERT_TRUE(appended) << appended.error().detail;
  }
  /// The attempt, after whatever came before it.
  void start() { step({script->fire(1), script->decide(1, "pay", "5"), script->start(1, "5")}); }
  /// The findings of the check "approval", by sequence; others fail the test.
  [[nodiscard]] std::map<Sequence, std::string> found() const {
    auto const report = verify_store(*log);
    EXPECT_TRUE(report) << report.error().detail;
    std::map<Sequence, std::string> out;
    for (auto const& finding : report->findings.list()) {
      EXPECT_EQ(finding.check, "approval") << finding.detail;
      out[finding.sequence] = finding.detail;
    }
    return out;
  }

  std::shared_ptr<storage::MemoryStore> store = storage::make_memory_store(7);
  std::unique_ptr<storage::EventLog> log;
  std::unique_ptr<SessionScript> script;
};

using Found = std::map<Sequence, std::string>;

TEST_F(ApprovalCheck, finds_nothing_where_two_others_approved) {
  step({script->approve(1, "bob", "5")});
  step({script->approve(1, "cid", "5")});
  start();
  EXPECT_EQ(found(), Found{});
}

TEST_F(ApprovalCheck, finds_an_attempt_that_nobody_approved) {
  start();
  EXPECT_EQ(found(),
            (Found{{7,
                    "attempt 1 of operation 1 was started without the approval that rule two-leads "
                    "asks for: 2 people, of whom 0 had approved these arguments"}}));
}

TEST_F(ApprovalCheck, finds_one_person_who_approved_twice) {
  step({script->approve(1, "bob", "5")});
  step({script->approve(1, "Bob ", "5")});
  start();
  auto const list = found();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list.at(6).contains("has approved it already")) << list.at(6);
  EXPECT_TRUE(list.at(9).contains("2 people, of whom 1 had")) << list.at(9);
}

TEST_F(ApprovalCheck, finds_the_requester_among_those_who_approved) {
  step({script->approve(1, "ann", "5")});
  step({script->approve(1, "bob", "5")});
  start();
  auto const list = found();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list.at(5).contains("ann is the requester")) << list.at(5);
  EXPECT_TRUE(list.contains(9));
}

TEST_F(ApprovalCheck, finds_an_approval_of_other_arguments) {
  step({script->approve(1, "bob", "5")});
  step({script->approve(1, "cid", "50000")});
  start();
  auto const list = found();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list.at(6).contains("other arguments")) << list.at(6);
  EXPECT_TRUE(list.contains(9));
}

TEST_F(ApprovalCheck, finds_somebody_without_the_role) {
  step({script->approve(1, "bob", "5")});
  auto forged = script->approve(1, "cid", "5");
  std::get<storage::ApprovalGiven>(forged.body).roles = {"clerk"};
  step({forged});
  start();
  EXPECT_EQ(found().size(), 2U);
}

TEST_F(ApprovalCheck, finds_a_decision_that_was_made_without_the_taint_of_its_session) {
  SessionScript tainted(*log, "tainted");
  auto reads = tainted.request(1, "read_page", "1");
  std::get<storage::OperationRequested>(reads.body).untrusted = true;
  ASSERT_TRUE(tainted.step(
      {tainted.started(), reads, tainted.decide(1, "read_page", "1"), tainted.start(1, "1")}));
  ASSERT_TRUE(tainted.step({SessionScript::result(1, "\"a page\""),
                            tainted.request(2, "search", "2"),
                            tainted.decide(2, "search", "2"),
                            tainted.start(2, "2")}));
  auto const report = verify_store(*log);
  ASSERT_TRUE(report);
  ASSERT_EQ(report->findings.list().size(), 1U);
  auto const& finding = report->findings.list().front();
  EXPECT_EQ(finding.check, "decision");
  EXPECT_EQ(finding.detail, R"(it was made with taint []; by then the log had ["read_page"])");
}

TEST_F(ApprovalCheck, finds_an_answer_to_what_nobody_asked) {
  step({script->approve(9, "bob", "5")});
  auto const list = found();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_TRUE(list.at(5).contains("waits for no approval")) << list.at(5);
}

TEST_F(ApprovalCheck, finds_a_request_that_asks_fewer_people_than_the_rule) {
  SessionScript easy(*log, "easy");
  auto asked = easy.ask_leads(1, "5");
  std::get<storage::ApprovalRequested>(asked.body).quorum = 1;
  ASSERT_TRUE(
      easy.step({easy.started(), easy.request(1, "pay", "5"), easy.decide(1, "pay", "5"), asked}));
  ASSERT_TRUE(easy.step({easy.approve(1, "bob", "5")}));
  ASSERT_TRUE(easy.step({easy.fire(1), easy.decide(1, "pay", "5"), easy.start(1, "5")}));
  auto const list = found();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_TRUE(list.contains(8));
}

TEST_F(ApprovalCheck, finds_a_workflow_that_was_told_what_nobody_said) {
  SessionScript asks(*log, "asks");
  storage::OperationRequested requested;
  requested.kind = storage::OperationKind::approval;
  requested.name = "refund";
  requested.input = SessionScript::payload("null");
  requested.input_digest = asks.digest("null");
  storage::ApprovalRequested asked;
  asked.input_digest = requested.input_digest;
  asked.expires = test::at(60);
  ASSERT_TRUE(asks.step({asks.started(), {1, requested}, {1, asked}}));
  ASSERT_TRUE(asks.step(
      {asks.fire(1),
       {1,
        storage::OperationCompleted{
            0, SessionScript::payload(R"({"by":["bob"],"outcome":"granted","reason":""})")}}}));
  auto const list = found();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_TRUE(list.at(5).contains("too few people")) << list.at(5);
}

}  // namespace
}  // namespace dalsegno::forensics
