#include "engine/policy/permit.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <type_traits>

namespace dalsegno::engine {
namespace {

RunId run_of(std::uint8_t number) {
  RunId run;
  run.bytes[15] = number;
  return run;
}

storage::PolicyDecided permitting(std::uint32_t attempt, std::string_view input) {
  storage::PolicyDecided decision;
  decision.attempt = attempt;
  decision.effect = storage::DecisionEffect::permit;
  decision.input_digest = storage::sha256({input});
  return decision;
}

TEST(Permit, covers_the_attempt_that_was_decided_and_no_other) {
  auto const permit = Permit::from(run_of(1), OperationId{7}, permitting(2, "input"));
  ASSERT_TRUE(permit);
  auto const input = storage::sha256({"input"});
  EXPECT_TRUE(permit->covers(run_of(1), OperationId{7}, 2, input));
  EXPECT_FALSE(permit->covers(run_of(2), OperationId{7}, 2, input)) << "another run";
  EXPECT_FALSE(permit->covers(run_of(1), OperationId{8}, 2, input)) << "another operation";
  EXPECT_FALSE(permit->covers(run_of(1), OperationId{7}, 3, input)) << "another attempt";
  EXPECT_FALSE(permit->covers(run_of(1), OperationId{7}, 2, storage::sha256({"other"})))
      << "another input";
}

TEST(Permit, remembers_what_it_was_given_for) {
  auto const permit = Permit::from(run_of(1), OperationId{7}, permitting(2, "input"));
  ASSERT_TRUE(permit);
  EXPECT_EQ(permit->run(), run_of(1));
  EXPECT_EQ(permit->operation(), OperationId{7});
  EXPECT_EQ(permit->attempt(), 2U);
  EXPECT_EQ(permit->input(), storage::sha256({"input"}));
}

TEST(Permit, does_not_come_from_a_denial) {
  auto decision = permitting(1, "input");
  decision.effect = storage::DecisionEffect::deny;
  EXPECT_FALSE(Permit::from(run_of(1), OperationId{7}, decision));
}

RC_GTEST_PROP(Permit, does_not_come_from_an_effect_that_this_version_does_not_know, ()) {
  auto const effect = *rc::gen::suchThat(rc::gen::arbitrary<std::uint8_t>(),
                                         [](std::uint8_t value) { return value != 1; });
  auto decision = permitting(1, "input");
  decision.effect = static_cast<storage::DecisionEffect>(effect);
  RC_ASSERT(!Permit::from(run_of(1), OperationId{7}, decision));
}

TEST(Permit, leads_only_where_each_of_its_rules_says) {
  auto decision = permitting(1, "input");
  EXPECT_TRUE(Permit::from(run_of(1), OperationId{7}, decision)->routes().allow("anywhere"));
  decision.obligations = {{"route", "a", R"(["*.example.com", "here"])"},
                          {"route", "b", R"("*")"},
                          {"route", "c", R"(["eu.*", "here"])"}};
  auto const permit = Permit::from(run_of(1), OperationId{7}, decision);
  EXPECT_TRUE(permit->routes().allow("eu.example.com"));
  EXPECT_TRUE(permit->routes().allow("here"));
  EXPECT_FALSE(permit->routes().allow("us.example.com"));
  EXPECT_FALSE(permit->routes().allow("eu.example.org"));
  decision.obligations.push_back({"route", "d", "unreadable"});
  EXPECT_FALSE(Permit::from(run_of(1), OperationId{7}, decision)->routes().allow("here"))
      << "what cannot be read leads nowhere";
}

TEST(Permit, cannot_be_made_without_a_decision) {
  EXPECT_FALSE(std::is_default_constructible_v<Permit>);
  EXPECT_FALSE((std::is_constructible_v<Permit,
                                        RunId const&,
                                        OperationId,
                                        std::uint32_t,
                                        storage::Digest const&>));
}

}  // namespace
}  // namespace dalsegno::engine
