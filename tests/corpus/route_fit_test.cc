#include "tests/corpus/route_fit.h"

#include "activities/model/routing/complexity.h"
#include "tests/support/shared_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace dalsegno::corpus {
namespace {

/// Long prompts are what only the strong model answers.
std::vector<RoutedPrompt> prompts() {
  std::vector<RoutedPrompt> made;
  for (int i = 0; i < 60; ++i)
    made.push_back({std::string(static_cast<std::size_t>(i + 1), 'x') + "?", i < 30, true});
  return made;
}

TEST(RouteFigures, of_the_right_order_are_the_best_and_of_the_wrong_one_the_worst) {
  std::vector<RoutedPrompt> const rows = {{"a", true, true},
                                          {"b", false, true},
                                          {"c", true, true},
                                          {"d", true, false},
                                          {"e", false, true}};
  auto const best = figures_of(rows, std::vector<double>{0, 2, 0, -1, 2});
  EXPECT_DOUBLE_EQ(best.cpt80, 0.2);  // the gap is 1: one call wins it
  auto const worst = figures_of(rows, std::vector<double>{0, -2, 0, 1, -2});
  EXPECT_DOUBLE_EQ(worst.cpt80, 1);
  EXPECT_GT(best.apgr, worst.apgr);
}

TEST(RouteFigures, without_a_gap_say_that_nothing_is_won) {
  EXPECT_EQ(figures_of({}, {}).cpt80, 1);
  std::vector<RoutedPrompt> const rows = {{"a", true, true}};
  EXPECT_EQ(figures_of(rows, std::vector<double>{1}).cpt80, 1);
}

TEST(RouteSplit, holds_a_quarter_out_by_the_prompt_alone) {
  std::size_t training = 0;
  for (int i = 0; i < 1000; ++i) training += is_for_training(std::to_string(i)) ? 1 : 0;
  EXPECT_GT(training, 700U);
  EXPECT_LT(training, 800U);
  EXPECT_EQ(is_for_training("a prompt"), is_for_training("a prompt"));
}

TEST(RouteFit, finds_what_foretells_a_gain) {
  auto const weights = fit_complexity({{"made", prompts()}}, {.ridge = 1});
  auto const model = activities::ComplexityModel::parse(to_string(weights)).value();
  EXPECT_GT(model.score(std::string(55, 'x') + "?").raw, model.score("x?").raw);
}

TEST(RouteFit, gives_the_same_weights_for_the_same_prompts) {
  EXPECT_EQ(to_string(fit_complexity({{"made", prompts()}}, {})),
            to_string(fit_complexity({{"made", prompts()}}, {})));
}

TEST(RouteRows, are_read_with_the_weak_models_column_first) {
  auto const data = test::shared_data("routellm");
  if (!data) GTEST_SKIP() << "there is no shared data";
  auto const rows = read_routed_prompts(*data / "gsm8k_responses.rows0-899.csv").value();
  ASSERT_EQ(rows.size(), 900U);
  auto const weak = std::ranges::count_if(rows, &RoutedPrompt::weak_is_right);
  auto const strong = std::ranges::count_if(rows, &RoutedPrompt::strong_is_right);
  EXPECT_EQ(weak, 582);
  EXPECT_EQ(strong, 764);
}

/// The held-out part of GSM8K is too small to tell (docs/routing.md).
TEST(Route, is_better_than_by_length_on_mmlu_prompts_that_were_held_out) {
  auto const data = test::shared_data("routellm");
  if (!data) GTEST_SKIP() << "there is no shared data";
  auto rows = read_routed_prompts(*data / "mmlu_correctness.even_domains.csv").value();
  std::erase_if(rows, [](RoutedPrompt const& row) { return is_for_training(row.prompt); });
  std::vector<double> scores;
  std::vector<double> lengths;
  for (auto const& row : rows) {
    scores.push_back(activities::builtin_complexity().score(row.prompt).raw);
    lengths.push_back(static_cast<double>(row.prompt.size()));
  }
  EXPECT_LT(figures_of(rows, scores).cpt80, figures_of(rows, lengths).cpt80);
  EXPECT_GT(figures_of(rows, scores).apgr, figures_of(rows, lengths).apgr);
}

}  // namespace
}  // namespace dalsegno::corpus
