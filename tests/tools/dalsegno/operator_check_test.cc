#include "tools/dalsegno/forensics/operator_check.h"

#include "tests/engine/govern/govern_fixture.h"
#include "tools/dalsegno/forensics/verify.h"

#include <gmock/gmock.h>

namespace dalsegno::forensics {
namespace {

using engine::SecondPerson;
using engine::test::start;
using storage::EventBody;
using storage::OperatorActed;
using testing::ElementsAre;
using testing::HasSubstr;

/// Somebody who can write the log, but is no operator.
class Forged : public engine::test::GovernFixture {
 protected:
  void forge(std::vector<EventBody> bodies, Time now = start) {
    ASSERT_TRUE(storage::append_to_journal(*log_, std::move(bodies), now));
  }
  /// The events of the newest action, to be written again changed.
  std::pair<storage::PolicyDecided, OperatorActed> newest() {
    auto const events = journal();
    for (std::size_t i = events.size() - 1; i > 0; --i)
      if (auto const* const acted = std::get_if<OperatorActed>(&events[i].body))
        return {std::get<storage::PolicyDecided>(events[i - 1].body), *acted};
    throw std::runtime_error("there is no action");
  }
  std::vector<std::string> findings() {
    auto const report = verify_store(*log_).value();
    std::vector<std::string> out;
    for (auto const& finding : report.findings.list())
      if (finding.severity == Severity::failure && finding.check == "operator")
        out.push_back(finding.detail);
    return out;
  }
  static storage::TokenCreated token() {
    storage::TokenCreated body;
    body.id = "0123456789ab";
    body.digest = storage::sha256({"mine"});
    body.owner = "mallory";
    body.scopes = {"*"};
    return body;
  }
};

TEST_F(Forged, nothing_is_found_where_nothing_was_forged) {
  appoint_two();
  ASSERT_TRUE(act(with(*ann_, *bob_), "operator.erase", SecondPerson::needed));
  ASSERT_FALSE(act(with(*ann_), "operator.erase", SecondPerson::needed));
  ASSERT_TRUE(revoke_token(*log_, with(*ann_), last_id_of("bob"), "gone", start));
  auto const report = verify_store(*log_).value();
  EXPECT_TRUE(report.passed());
  EXPECT_THAT(findings(), ElementsAre());
}

TEST_F(Forged, a_token_that_no_action_made_is_found) {
  appoint_two();
  forge({token()});
  EXPECT_THAT(findings(), ElementsAre("TokenCreated without an operator's action before it"));
}

TEST_F(Forged, a_policy_that_no_operator_activated_is_found_once_there_are_some) {
  activate(R"({"dalsegno_policy": 1, "name": "first", "rules": []})");
  EXPECT_THAT(findings(), ElementsAre());
  appoint_two();
  activate(R"({"dalsegno_policy": 1, "name": "second", "rules": []})");
  EXPECT_THAT(findings(), ElementsAre("PolicyActivated without an operator's action before it"));
}

TEST_F(Forged, an_action_without_a_decision_is_found) {
  appoint_two();
  ASSERT_TRUE(act(with(*ann_), "operator.release"));
  forge({newest().second});
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("without a decision that permits it")));
}

TEST_F(Forged, a_decision_about_something_else_does_not_count) {
  appoint_two();
  ASSERT_TRUE(act(with(*ann_), "operator.release"));
  auto [decided, acted] = newest();
  acted.resource = "default/other";
  forge({decided, acted});
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("without a decision that permits it")));
}

TEST_F(Forged, an_erasure_by_one_person_is_found) {
  appoint_two();
  ASSERT_TRUE(act(with(*ann_, *bob_), "operator.erase", SecondPerson::needed));
  auto [decided, acted] = newest();
  acted.second.clear();
  acted.second_credential.clear();
  forge({decided, acted});
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("without a second person")));
}

TEST_F(Forged, an_action_with_no_token_a_revoked_one_or_somebody_elses_is_found) {
  appoint_two();
  ASSERT_TRUE(act(with(*ann_), "operator.release"));
  auto const [decided, acted] = newest();
  auto without = acted;
  without.credential.clear();
  forge({decided, without});
  auto others = acted;
  others.credential = last_id_of("bob");
  forge({decided, others});
  auto nobodys = acted;
  nobodys.credential = "0123456789ab";
  forge({decided, nobodys});
  ASSERT_TRUE(revoke_token(*log_, with(*bob_), last_id_of("ann"), "gone", start));
  forge({decided, acted});
  EXPECT_THAT(findings(),
              ElementsAre(HasSubstr("without a token"),
                          HasSubstr("which is of bob"),
                          HasSubstr("which nobody had made"),
                          HasSubstr("which was revoked")));
}

}  // namespace
}  // namespace dalsegno::forensics
