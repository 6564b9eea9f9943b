#include "activities/model/routing/complexity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <string>

namespace dalsegno::activities {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view small = R"({"dalsegno_complexity": 1, "version": "t", "bias": 1,
  "signals": [["questions", 0, 1, 2]], "words": [["proof", 2, 0.5], ["lemma", 2, -0.5]],
  "quantiles": [0, 1, 5]})";

std::string refusal(std::string_view json) {
  auto const model = ComplexityModel::parse(json);
  return model ? "accepted" : model.error().detail;
}

TEST(ComplexityModel, adds_signals_and_words) {
  auto const model = ComplexityModel::parse(small).value();
  EXPECT_DOUBLE_EQ(model.score("nothing").raw, 1);
  EXPECT_DOUBLE_EQ(model.score("?").raw, 1 + 2 * std::log(2.0));
  EXPECT_DOUBLE_EQ(model.score("proof").raw, 1.5);
  EXPECT_NEAR(model.score("proof lemma").raw, 1, 1e-12);
}

TEST(ComplexityModel, says_what_share_of_requests_is_easier) {
  auto const model = ComplexityModel::parse(small).value();
  EXPECT_DOUBLE_EQ(model.score("nothing").share, 0.5);
  EXPECT_DOUBLE_EQ(model.score("proof").share, 0.5 + 0.5 / 4 / 2);
  EXPECT_DOUBLE_EQ(model.score(std::string(1000, '?')).share, 1);
}

TEST(ComplexityModel, names_what_counted_most) {
  auto const score = ComplexityModel::parse(small).value().score("proof?");
  ASSERT_EQ(score.parts.size(), 2U);
  EXPECT_EQ(score.parts[0].name, "questions");
  EXPECT_EQ(score.parts[1].name, "word proof");
}

TEST(ComplexityModel, refuses_files_that_are_wrong) {
  EXPECT_THAT(refusal("{}"), HasSubstr("not format 1"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not format 1"));
  EXPECT_THAT(refusal(R"({"dalsegno_complexity": 1, "bias": "x"})"), HasSubstr("bias"));
  EXPECT_THAT(refusal(R"({"dalsegno_complexity": 1, "bias": 0, "signals": [["lenght", 0, 1, 1]],
                          "words": [], "quantiles": [0, 1]})"),
              HasSubstr("lenght"));
  EXPECT_THAT(refusal(R"({"dalsegno_complexity": 1, "bias": 0, "signals": [["length", 0, 0, 1]],
                          "words": [], "quantiles": [0, 1]})"),
              HasSubstr("deviation"));
  EXPECT_THAT(refusal(R"({"dalsegno_complexity": 1, "bias": 0, "signals": [], "words": [],
                          "quantiles": [1, 0]})"),
              HasSubstr("quantiles"));
}

TEST(ComplexityModel, of_our_own_can_be_read) {
  auto const& model = builtin_complexity();
  EXPECT_FALSE(model.version().empty());
  auto const hard = model.score(
      "A train leaves at half past two and travels at 60 miles per hour, twice as fast as the one "
      "before it, which stops every 20 minutes for 3 minutes. If both have the same remaining way, "
      "how many minutes later than the first does the second one arrive, and why?");
  EXPECT_GT(hard.share, model.score("Thanks!").share);
}

RC_GTEST_PROP(ComplexityModel, scores_any_bytes, (std::string const& text)) {
  auto const score = builtin_complexity().score(text);
  RC_ASSERT(std::isfinite(score.raw));
  RC_ASSERT(score.share >= 0 && score.share <= 1);
  RC_ASSERT(score.parts.size() <= max_score_parts);
}

}  // namespace
}  // namespace dalsegno::activities
