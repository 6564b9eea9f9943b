#include "activities/model/routing/route.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dalsegno::activities {
namespace {

using enum RouteRejection;

/// Texts score by their question marks alone: none 0, more than 3 nearly 1.
ComplexityModel const& complexity() {
  static auto const model = ComplexityModel::parse(
                                R"({"dalsegno_complexity": 1, "version": "t", "bias": 0,
      "signals": [["questions", 0, 1, 1]], "words": [], "quantiles": [0, 1.5]})")
                                .value();
  return model;
}
constexpr std::string_view hard = "?????????";

RouteRules rules() {
  return {.name = "desk",
          .candidates = {{.name = "small",
                          .tier = 1,
                          .context_tokens = 32'000,
                          .input_usd = 1,
                          .cached_usd = 0.1,
                          .output_usd = 2},
                         {.name = "large",
                          .tier = 2,
                          .data_classes = {"public"},
                          .input_usd = 10,
                          .cached_usd = 1,
                          .output_usd = 20,
                          .prefill_tokens_per_second = 2'000}},
          .floors = {{Risk::money, 2}},
          .bands = {{.from = 0, .tier = 1}, {.from = 0.5, .tier = 2}}};
}

RouteRequest request(std::string_view text = "hello") {
  return {.text = std::string(text), .prompt_tokens = 10'000, .output_tokens = 100};
}

RouteDecision decide(RouteRequest const& asked, RouteRules const& by = rules()) {
  return decide_route(by, complexity(), asked);
}

std::optional<RouteRejection> rejection(RouteDecision const& decision, std::string_view model) {
  for (auto const& candidate : decision.candidates)
    if (candidate.name == model) return candidate.rejected;
  return std::nullopt;
}

TEST(Route, takes_the_cheapest_model_that_will_do) {
  auto const decision = decide(request());
  EXPECT_EQ(decision.model, "small");
  EXPECT_EQ(decision.binding, RouteBinding::first);
  EXPECT_EQ(rejection(decision, "large"), costlier);
}

TEST(Route, takes_a_stronger_model_for_a_complex_request) {
  auto const decision = decide(request(hard));
  EXPECT_EQ(decision.model, "large");
  EXPECT_EQ(rejection(decision, "small"), below_band);
  EXPECT_GE(decision.complexity, 0.5);
}

TEST(Route, takes_no_model_below_the_floor_of_the_risk) {
  auto asked = request();
  for (Risk const risk : {Risk::money, Risk::external, Risk::undeclared}) {
    asked.risk = risk;
    EXPECT_EQ(decide(asked).model, "large");
    EXPECT_EQ(rejection(decide(asked), "small"), below_risk_floor);
  }
  asked.risk = Risk::destructive;
  EXPECT_EQ(decide(asked).model, "small");
  // Not even when the only other one takes no calls.
  asked.risk = Risk::money;
  asked.unhealthy = {"large"};
  EXPECT_EQ(decide(asked).model, "");
  EXPECT_EQ(decide(asked).binding, RouteBinding::none);
}

TEST(Route, says_why_a_model_may_not_be_asked) {
  auto asked = request(hard);
  asked.not_permitted = {"large"};
  EXPECT_EQ(rejection(decide(asked), "large"), not_permitted);
  asked = request(hard);
  asked.data_class = "internal";
  EXPECT_EQ(rejection(decide(asked), "large"), data_class);
  asked = request();
  asked.prompt_tokens = 31'901;
  EXPECT_EQ(rejection(decide(asked), "small"), context);
  asked = request(hard);
  asked.deadline_seconds = 6.9;  // 10,000 tokens at 2,000 a second, and 100 at 50
  EXPECT_EQ(rejection(decide(asked), "large"), deadline);
  asked.deadline_seconds = 7;
  EXPECT_EQ(decide(asked).model, "large");
  asked.budget_usd = 0.1;
  EXPECT_EQ(rejection(decide(asked), "large"), budget);
  auto without_tools = rules();
  without_tools.candidates[0].tools = false;
  asked = request();
  asked.tools = 1;
  EXPECT_EQ(rejection(decide(asked, without_tools), "small"), no_tools);
}

TEST(Route, goes_below_the_band_when_nothing_stronger_is_left) {
  auto asked = request(hard);
  asked.unhealthy = {"large"};
  auto const decision = decide(asked);
  EXPECT_EQ(decision.model, "small");
  EXPECT_TRUE(decision.degraded);
  EXPECT_EQ(rejection(decision, "large"), unhealthy);
}

TEST(Route, passes_over_the_cheapest_while_it_takes_no_calls) {
  auto asked = request();
  asked.unhealthy = {"small"};
  EXPECT_EQ(decide(asked).model, "large");
  EXPECT_FALSE(decide(asked).degraded);
}

TEST(Route, stays_where_the_prefix_is_warm_unless_the_gain_exceeds_the_prefill) {
  auto by = rules();
  by.candidates[1].data_classes.clear();
  by.candidates[1].input_usd = 1.2;  // hardly more than the small one
  by.candidates[1].cached_usd = 0.12;
  by.candidates[1].output_usd = 2;
  auto asked = request();
  asked.model = "large";
  asked.warm_tokens = 9'900;
  auto const stays = decide(asked, by);
  EXPECT_EQ(stays.model, "large");
  EXPECT_EQ(stays.binding, RouteBinding::kept);
  EXPECT_EQ(rejection(stays, "small"), gain_below_prefill);
  by.calls_ahead = 100;  // over so many calls it pays off
  auto const moves = decide(asked, by);
  EXPECT_EQ(moves.model, "small");
  EXPECT_EQ(moves.binding, RouteBinding::moved);
  asked.warm_tokens = 0;  // nothing to lose
  by.calls_ahead = 0;
  EXPECT_EQ(decide(asked, by).model, "small");
}

TEST(Route, grows_more_careful_with_failures_and_repetition) {
  auto asked = request();
  asked.failures = 3;
  EXPECT_EQ(decide(asked).model, "small");
  asked.repetitions = 2;
  EXPECT_EQ(decide(asked).model, "large");
}

TEST(Route, can_weigh_tools_schemas_and_turns) {
  auto by = rules();
  by.raises = {.tool = 0.1, .schema_kib = 0.1, .turn = 0.1};
  auto asked = request();
  asked.tools = 2;
  asked.schema_bytes = 2048;
  asked.turn = 2;
  EXPECT_DOUBLE_EQ(decide(asked, by).complexity, 0.5);
}

TEST(RouteRules, that_are_wrong_are_refused) {
  EXPECT_TRUE(check(rules()));
  auto by = rules();
  by.candidates[1].name = "small";
  EXPECT_FALSE(check(by));
  by = rules();
  by.bands[1].from = 0;
  EXPECT_FALSE(check(by));
  by = rules();
  by.candidates[0].input_usd = -1;
  EXPECT_FALSE(check(by));
  by = rules();
  by.candidates[0].output_tokens_per_second = 0;
  EXPECT_FALSE(check(by));
  EXPECT_FALSE(check(RouteRules{}));
}

RouteRules any_rules() {
  RouteRules made{.name = "any"};
  auto const count = *rc::gen::inRange(1, 5);
  for (int i = 0; i < count; ++i)
    made.candidates.push_back({.name = "m" + std::to_string(i),
                               .tier = *rc::gen::inRange(0U, 3U),
                               .tools = *rc::gen::inRange(0, 4) > 0,
                               .context_tokens = *rc::gen::element<std::uint64_t>(0, 8'000, 64'000),
                               .data_classes = {},
                               .input_usd = *rc::gen::inRange(0, 20) / 2.0,
                               .cached_usd = *rc::gen::inRange(0, 4) / 2.0,
                               .output_usd = *rc::gen::inRange(0, 60) / 2.0});
  made.floors = {{Risk::money, *rc::gen::inRange(0U, 3U)}};
  made.bands = {{.from = 0.3, .tier = 1}, {.from = 0.7, .tier = 2}};
  made.calls_ahead = *rc::gen::inRange(0, 10);
  return made;
}

RouteRequest any_request() {
  auto const names = rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("m0", "m1", "m2", "m3"));
  return {.text = std::string(*rc::gen::inRange<std::size_t>(0, 6), '?'),
          .prompt_tokens = *rc::gen::inRange<std::uint64_t>(0, 80'000),
          .output_tokens = *rc::gen::inRange<std::uint64_t>(0, 4'000),
          .tools = *rc::gen::inRange(0U, 3U),
          .risk = *rc::gen::element(Risk::undeclared, Risk::read, Risk::money, Risk::external),
          .model = *rc::gen::element<std::string>("", "m0", "m1", "elsewhere"),
          .warm_tokens = *rc::gen::inRange<std::uint64_t>(0, 90'000),
          .not_permitted = *rc::gen::resize(2, names),
          .unhealthy = *rc::gen::resize(2, names)};
}

RC_GTEST_PROP(Route, takes_one_model_and_gives_a_reason_for_every_other, ()) {
  auto const by = any_rules();
  auto const decision = decide(any_request(), by);
  RC_ASSERT(decision.candidates.size() == by.candidates.size());
  for (auto const& candidate : decision.candidates)
    RC_ASSERT(candidate.rejected.has_value() == (candidate.name != decision.model));
}

RC_GTEST_PROP(Route, never_takes_what_is_forbidden_ill_or_below_the_floor, ()) {
  auto const asked = any_request();
  auto const decision = decide(asked, any_rules());
  if (decision.model.empty()) return;
  RC_ASSERT(std::ranges::find(asked.not_permitted, decision.model) == asked.not_permitted.end());
  RC_ASSERT(std::ranges::find(asked.unhealthy, decision.model) == asked.unhealthy.end());
  for (auto const& candidate : decision.candidates)
    if (candidate.name == decision.model) {
      RC_ASSERT(candidate.tier >= decision.floor_tier);
      RC_ASSERT(decision.degraded == (candidate.tier < decision.band_tier));
    }
}

/// The session's own model costs no prefill; every other pays for all of the warm prefix.
RC_GTEST_PROP(Route, never_moves_for_less_than_the_prefill_costs, ()) {
  auto const by = any_rules();
  auto const asked = any_request();
  auto const decision = decide(asked, by);
  RC_PRE(decision.binding == RouteBinding::moved && !decision.degraded);
  RoutedCandidate const* own = nullptr;
  RoutedCandidate const* taken = nullptr;
  for (auto const& candidate : decision.candidates) {
    if (candidate.name == asked.model) own = &candidate;
    if (candidate.name == decision.model) taken = &candidate;
  }
  if (own == nullptr || own->rejected != costlier) return;  // it had to move
  auto const gain = (own->call_usd - taken->call_usd) * (1 + by.calls_ahead);
  RC_ASSERT(gain > taken->prefill_usd - 1e-9);
}

RC_GTEST_PROP(Route, is_the_same_for_the_same_request, ()) {
  auto const by = any_rules();
  auto const asked = any_request();
  RC_ASSERT(decide(asked, by).model == decide(asked, by).model);
}

}  // namespace
}  // namespace dalsegno::activities
