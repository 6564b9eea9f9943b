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
    EXPECT_TRUE(test::activate_policy(*storage::open_memory(store_)));
    log_ = storage::open_memory(store_);
    script_ = std::make_unique<SessionScript>(*log_, "s");
    // Sequences 1 to 4.
    step({script_->started(),
          script_->request(1, "pay", "5"),
          script_->decide(1, "pay", "5"),
          script_->ask_leads(1, "5")});
  }

  void step(std::vector<Said> said) {
    auto const appended = script_->step(std::move(said));
    ASSERT_TRUE(appended) << appended.error().detail;
  }
  /// The attempt, after whatever came before it.
  void start() { step({script_->fire(1), script_->decide(1, "pay", "5"), script_->start(1, "5")}); }
  /// The findings of the check "approval", by sequence; others in sessions fail the test.
  [[nodiscard]] std::map<Sequence, std::string> found() const {
    auto const report = verify_store(*log_);
    EXPECT_TRUE(report) << report.error().detail;
    std::map<Sequence, std::string> out;
    for (auto const& finding : report->findings.list()) {
      if (finding.check == "operator") continue;  // tokens that no operator made
      EXPECT_EQ(finding.check, "approval") << finding.detail;
      out[finding.sequence] = finding.detail;
    }
    return out;
  }

  std::shared_ptr<storage::MemoryStore> store_ = storage::make_memory_store(7);
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<SessionScript> script_;
};

using Found = std::map<Sequence, std::string>;

TEST_F(ApprovalCheck, finds_nothing_where_two_others_approved) {
  step({script_->approve(1, "bob", "5")});
  step({script_->approve(1, "cid", "5")});
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
  step({script_->approve(1, "bob", "5")});
  step({script_->approve(1, "Bob ", "5")});
  start();
  auto const list = found();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list.at(6).contains("has approved it already")) << list.at(6);
  EXPECT_TRUE(list.at(9).contains("2 people, of whom 1 had")) << list.at(9);
}

TEST_F(ApprovalCheck, finds_the_requester_among_those_who_approved) {
  step({script_->approve(1, "ann", "5")});
  step({script_->approve(1, "bob", "5")});
  start();
  auto const list = found();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list.at(5).contains("ann is the requester")) << list.at(5);
  EXPECT_TRUE(list.contains(9));
}

TEST_F(ApprovalCheck, finds_an_approval_of_other_arguments) {
  step({script_->approve(1, "bob", "5")});
  step({script_->approve(1, "cid", "50000")});
  start();
  auto const list = found();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list.at(6).contains("other arguments")) << list.at(6);
  EXPECT_TRUE(list.contains(9));
}

TEST_F(ApprovalCheck, finds_somebody_without_the_role) {
  step({script_->approve(1, "bob", "5")});
  auto forged = script_->approve(1, "cid", "5");
  std::get<storage::ApprovalGiven>(forged.body).roles = {"clerk"};
  step({forged});
  start();
  EXPECT_EQ(found().size(), 2U);
}

TEST_F(ApprovalCheck, finds_a_decision_that_was_made_without_the_taint_of_its_session) {
  SessionScript tainted(*log_, "tainted");
  auto reads = tainted.request(1, "read_page", "1");
  std::get<storage::OperationRequested>(reads.body).untrusted = true;
  ASSERT_TRUE(tainted.step(
      {tainted.started(), reads, tainted.decide(1, "read_page", "1"), tainted.start(1, "1")}));
  ASSERT_TRUE(tainted.step({SessionScript::result(1, "\"a page\""),
                            tainted.request(2, "search", "2"),
                            tainted.decide(2, "search", "2"),
                            tainted.start(2, "2")}));
  auto const report = verify_store(*log_);
  ASSERT_TRUE(report);
  ASSERT_EQ(report->findings.list().size(), 1U);
  auto const& finding = report->findings.list().front();
  EXPECT_EQ(finding.check, "decision");
  EXPECT_EQ(finding.detail, R"(it was made with taint []; by then the log had ["read_page"])");
}

TEST_F(ApprovalCheck, finds_an_answer_with_a_token_that_is_not_its_givers) {
  storage::TokenCreated token;
  token.id = "op-1";
  token.digest = storage::sha256({"bobs"});
  token.owner = "bob";
  token.roles = {"lead"};
  token.scopes = {"approval.*"};
  token.expires = test::at(100);
  auto foreign = token;
  foreign.id = "rt-1";
  foreign.kind = storage::TokenKind::runtimes;
  foreign.digest = storage::sha256({"runtimes"});
  ASSERT_TRUE(storage::append_to_journal(*log_, {token, foreign}, test::at(0)));
  access::TokenTable const tokens = access::TokenTable::read(*log_).value();
  storage::ApprovalGiven given;
  given.granted = true;
  given.by = "bob";
  given.credential = "op-1";
  given.roles = {"lead"};
  auto const wrong = [&](auto change, Time at = test::at(1)) {
    auto forged = given;
    change(forged);
    return wrong_credential(tokens, "default", forged, at);
  };
  EXPECT_EQ(wrong([](auto&) {}), "");
  EXPECT_EQ(wrong([](auto& it) { it.by = "cid"; }),
            "an answer with token op-1 by cid; it is bob's");
  EXPECT_EQ(wrong([](auto& it) { it.roles = {"lead", "director"}; }),
            "an answer with token op-1, which does not have the role director");
  EXPECT_EQ(wrong([](auto& it) { it.credential = "op-2"; }),
            "an answer with token op-2, which did not exist");
  EXPECT_EQ(wrong([](auto& it) { it.credential = "rt-1"; }),
            "an answer with token rt-1, which is none of an operator");
  EXPECT_EQ(wrong([](auto&) {}, test::at(100)),
            "an answer with token op-1, which was not valid any more");
  // And verify asks.
  auto forged = script_->approve(1, "cid", "5");
  std::get<storage::ApprovalGiven>(forged.body).credential = "op-1";
  step({forged});
  EXPECT_EQ(found().at(5), "an answer with token op-1 by cid; it is bob's");
}

TEST_F(ApprovalCheck, finds_an_answer_to_what_nobody_asked) {
  step({script_->approve(9, "bob", "5")});
  auto const list = found();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_TRUE(list.at(5).contains("waits for no approval")) << list.at(5);
}

TEST_F(ApprovalCheck, finds_a_request_that_asks_fewer_people_than_the_rule) {
  SessionScript easy(*log_, "easy");
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
  SessionScript asks(*log_, "asks");
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
