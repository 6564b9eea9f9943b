#include "activities/model/routing/text_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace dalsegno::activities {
namespace {

using ::testing::ElementsAre;

double signal(std::string_view text, TextSignal which) {
  return text_signals(text)[static_cast<std::size_t>(which)];
}

TEST(TextSignals, have_names_of_their_own) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < text_signal_count; ++i)
    names.insert(name_of(static_cast<TextSignal>(i)));
  EXPECT_EQ(names.size(), text_signal_count);
  EXPECT_EQ(name_of(TextSignal::length), "length");
  EXPECT_EQ(name_of(TextSignal::articles), "articles");
  EXPECT_EQ(name_of(TextSignal::question_overlap), "question_overlap");
}

TEST(TextSignals, count_numbers_and_words) {
  std::string_view const text = "She pays $3.50 for 2 of 1,000 eggs. Half are left?";
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::numbers), std::log(4.0));
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::decimals), std::log(2.0));
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::money), std::log(2.0));
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::fractions), std::log(2.0));
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::remainders), std::log(2.0));
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::sentences), std::log(3.0));
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::persons), std::log(2.0));
}

TEST(TextSignals, see_code_and_mathematics) {
  EXPECT_GT(signal("```\nvoid f() { return; }\n```", TextSignal::code), 1);
  EXPECT_EQ(signal("a plain sentence", TextSignal::code), 0);
  EXPECT_GT(signal("x^2 + y^2 = 1, \xE2\x88\x80x", TextSignal::mathematics), 1);
}

TEST(TextSignals, see_the_answers_to_choose_from) {
  std::string_view const text = "Which is even?\nA. 1\nB. 2\nC. 3\nD. 55\nAnswer:";
  EXPECT_EQ(signal(text, TextSignal::choices), 1);
  EXPECT_EQ(signal(text, TextSignal::choice_numbers), 1);
  EXPECT_DOUBLE_EQ(signal(text, TextSignal::choice_length), std::log(1 + 1.25));
  EXPECT_EQ(signal("Which is even?\nA. 1\nB. 2", TextSignal::choices), 0);
}

TEST(WordStems, are_short_lower_sorted_and_each_there_once) {
  EXPECT_THAT(word_stems("The plaintiffs' plaintiff, the 7 DOGS"),
              ElementsAre("dogs", "plaint", "the"));
}

RC_GTEST_PROP(TextSignals, of_any_bytes_are_finite, (std::string const& text)) {
  for (double const value : text_signals(text)) RC_ASSERT(std::isfinite(value) && value >= 0);
}

}  // namespace
}  // namespace dalsegno::activities
