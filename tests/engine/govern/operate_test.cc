#include "engine/govern/operate.h"

#include "engine/govern/operators_policy.h"
#include "engine/policy/recorded.h"
#include "storage/access/guard_log.h"
#include "tests/engine/govern/govern_fixture.h"

#include <gmock/gmock.h>

namespace dalsegno::engine::test {
namespace {

using testing::HasSubstr;

class Operate : public GovernFixture {};

TEST_F(Operate, records_decision_and_action_in_one_step_before_anything_is_done) {
  appoint_two();
  auto const before = journal().size();
  auto const who = act(with(*ann_, *bob_), "operator.erase", SecondPerson::needed);
  ASSERT_TRUE(who) << who.error().detail;
  EXPECT_EQ(who->name, "ann");
  EXPECT_EQ(who->second, "bob");
  auto const events = journal();
  ASSERT_EQ(events.size(), before + 2);
  auto const& decided = std::get<storage::PolicyDecided>(events[before].body);
  EXPECT_EQ(decided.effect, storage::DecisionEffect::permit);
  EXPECT_EQ(decided.policy, operators_policy().digest());
  EXPECT_EQ(decided.principal, "ann");
  EXPECT_EQ(decided.principal_kind, "operator");
  EXPECT_EQ(decided.action, "operator.erase");
  EXPECT_EQ(decided.resource, "default/a");
  auto const& acted = std::get<storage::OperatorActed>(events[before + 1].body);
  EXPECT_EQ(acted.by, "ann");
  EXPECT_EQ(acted.second, "bob");
  EXPECT_EQ(acted.reason, "test");
  EXPECT_EQ(acted.credential.size(), 12U);
  EXPECT_NE(acted.credential, acted.second_credential);
  EXPECT_FALSE(acted.break_glass);
  EXPECT_FALSE(access::was_refused(acted));
}

TEST_F(Operate, lets_whoever_is_at_the_machine_act_while_there_are_no_operators_tokens) {
  auto const who = act(nobody_but("carl"), "operator.erase", SecondPerson::needed);
  ASSERT_TRUE(who) << who.error().detail;
  EXPECT_EQ(who->name, "carl");
  EXPECT_EQ(last_action().credential, "");
}

TEST_F(Operate, takes_a_token_from_everybody_once_there_is_one) {
  appoint_two();
  EXPECT_THAT(refusal(act(nobody_but("ann"), "operator.release")), HasSubstr("takes the token"));
  EXPECT_TRUE(access::was_refused(last_action()));
  EXPECT_EQ(last_action().by, "ann");
  EXPECT_TRUE(act(with(*ann_), "operator.release"));
}

TEST_F(Operate, refuses_a_token_that_nobody_knows_and_records_that) {
  appoint_two();
  auto const stranger = access::Token::make(access::TokenKind::operators);
  auto const before = journal().size();
  EXPECT_THAT(refusal(act(with(stranger), "operator.release")), HasSubstr("knows no such token"));
  EXPECT_EQ(journal().size(), before + 1);
}

TEST_F(Operate, refuses_a_token_of_another_kind_for_every_action) {
  appoint_two();
  for (auto const kind : {access::TokenKind::runtimes, access::TokenKind::auditors}) {
    auto wanted = request("worker", {"*"});
    wanted.kind = kind;
    auto const made = make(with(*ann_), wanted);
    for (auto const name : action_names) {
      if (!name.starts_with("operator.")) continue;
      EXPECT_THAT(refusal(act(with(made.token), std::string(name))), HasSubstr("of kind"));
      EXPECT_THAT(refusal(act(with(*ann_, made.token), std::string(name))), HasSubstr("of kind"));
    }
  }
}

TEST_F(Operate, refuses_what_the_scopes_of_a_token_do_not_name) {
  appoint_two();
  auto const narrow = make(with(*ann_, *bob_), request("eve", {"operator.re*"}));
  EXPECT_TRUE(act(with(narrow.token), "operator.release"));
  EXPECT_THAT(refusal(act(with(narrow.token), "operator.legal_hold")), HasSubstr("has no scope"));
}

TEST_F(Operate, refuses_a_token_of_another_tenant_and_one_of_a_tenant_for_the_whole_store) {
  appoint_two();
  auto wanted = request("eve");
  wanted.tenant = "acme";
  auto const acme = make(with(*ann_, *bob_), wanted);
  EXPECT_THAT(refusal(act(with(acme.token), "operator.release")), HasSubstr("tenant acme only"));
  auto const store_wide =
      operate(*log_,
              with(acme.token),
              {.name = "operator.accept_loss", .resource = "store", .reason = "test"},
              start);
  EXPECT_THAT(refusal(store_wide), HasSubstr("tenant acme only"));
}

TEST_F(Operate, needs_another_person_and_not_the_same_one_twice) {
  appoint_two();
  EXPECT_THAT(refusal(act(with(*ann_), "operator.erase", SecondPerson::needed)),
              HasSubstr("second person"));
  EXPECT_THAT(refusal(act(with(*ann_, *ann_), "operator.erase", SecondPerson::needed)),
              HasSubstr("both tokens are of ann"));
  auto const another = make(with(*ann_, *bob_), request("ann"));
  EXPECT_THAT(refusal(act(with(*ann_, another.token), "operator.erase", SecondPerson::needed)),
              HasSubstr("both tokens are of ann"));
  EXPECT_TRUE(act(with(*bob_, another.token), "operator.erase", SecondPerson::needed));
}

TEST_F(Operate, asks_the_second_persons_token_for_the_same_scope) {
  appoint_two();
  auto const narrow = make(with(*ann_, *bob_), request("eve", {"operator.release"}));
  EXPECT_THAT(refusal(act(with(*ann_, narrow.token), "operator.erase", SecondPerson::needed)),
              HasSubstr("second person: token"));
}

TEST_F(Operate, does_not_revive_an_expired_token_when_the_clock_is_set_back) {
  auto wanted = request("ann");
  wanted.lifetime = 1h;
  auto const ann = make(nobody_but("ann"), wanted);
  EXPECT_TRUE(act(with(ann.token), "operator.release", {}, start + 30min));
  EXPECT_THAT(refusal(act(with(ann.token), "operator.release", {}, start + 2h)),
              HasSubstr("expired"));
  EXPECT_THAT(refusal(act(with(ann.token), "operator.release", {}, start + 1min)),
              HasSubstr("expired"));
}

TEST_F(Operate, does_nothing_when_the_log_cannot_be_written) {
  appoint_two();
  auto const newer = storage::open_memory(store_);  // this log is fenced now
  auto const before = newer->info().last_commit;
  auto const outcome = act(with(*ann_), "operator.release");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::fenced);
  EXPECT_EQ(newer->info().last_commit, before);
  auto const reading = access::guard_log(*newer, access::TokenKind::auditors);
  auto const refused = operate(*reading,
                               with(*ann_),
                               {.name = "operator.release", .resource = "store", .reason = "test"},
                               start);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_EQ(newer->info().last_commit, before);
}

TEST_F(Operate, obeys_an_active_policy_that_has_rules_about_operators) {
  appoint_two();
  activate(R"({"dalsegno_policy": 1, "name": "house", "rules": [
    {"id": "calls", "effect": "permit", "actions": ["*.call"]},
    {"id": "ann-releases", "effect": "permit", "actions": ["operator.release"],
     "principals": {"kinds": ["operator"], "ids": ["ann"]}}]})");
  EXPECT_TRUE(act(with(*ann_), "operator.release"));
  EXPECT_THAT(refusal(act(with(*bob_), "operator.release")), HasSubstr("policy \"house\" denies"));
  auto const events = journal();
  auto const& decided = std::get<storage::PolicyDecided>(events[events.size() - 2].body);
  EXPECT_EQ(decided.effect, storage::DecisionEffect::deny);
  EXPECT_TRUE(access::was_refused(last_action()));
}

TEST_F(Operate, asks_the_built_in_policy_where_the_active_one_says_nothing_of_operators) {
  appoint_two();
  activate(R"({"dalsegno_policy": 1, "name": "calls only", "rules": [
    {"id": "calls", "effect": "permit", "actions": ["*.call"]}]})");
  EXPECT_TRUE(act(with(*ann_), "operator.release"));
}

TEST_F(Operate, takes_a_second_person_for_the_approval_that_a_rule_asks_for) {
  appoint_two();
  auto wanted = request("eve");
  wanted.roles = {"lead"};
  auto const eve = make(with(*ann_, *bob_), wanted);
  activate(R"({"dalsegno_policy": 1, "name": "house", "rules": [
    {"id": "with-a-lead", "effect": "permit", "actions": ["operator.*"],
     "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "1h"}}}]})");
  EXPECT_FALSE(act(with(*ann_), "operator.release"));
  EXPECT_THAT(refusal(act(with(*ann_, *bob_), "operator.release")), HasSubstr("with-a-lead"));
  EXPECT_TRUE(act(with(*ann_, eve.token), "operator.release"));
}

TEST_F(Operate, makes_decisions_that_can_be_made_again) {
  appoint_two();
  ASSERT_TRUE(act(with(*ann_), "operator.release"));
  auto const events = journal();
  auto const& decided = std::get<storage::PolicyDecided>(events[events.size() - 2].body);
  DecisionContext const context{.session = &storage::journal_session(),
                                .workflow = {},
                                .recorded_at = start,
                                .arguments = {}};
  auto const again = decide_again(operators_policy(), decided, context);
  EXPECT_TRUE(again.unknown.empty());
  EXPECT_TRUE(again.decision.permitted);
  EXPECT_EQ(again.decision.rules, decided.rules);
}

TEST_F(Operate, refuses_a_name_that_is_not_the_tokens_owner_and_an_empty_reason) {
  appoint_two();
  auto shown = with(*ann_);
  shown.by = "bob";
  EXPECT_EQ(act(shown, "operator.release").error().code, Errc::invalid);
  auto const silent =
      operate(*log_, with(*ann_), {.name = "operator.release", .resource = "store"}, start);
  EXPECT_EQ(silent.error().code, Errc::invalid);
}

}  // namespace
}  // namespace dalsegno::engine::test
