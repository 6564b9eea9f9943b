#include "engine/policy/glob.h"

#include "engine/policy/nearest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {
namespace {

// Every way to match, tried one after the other: obviously right, and exponential.
bool naive_match(std::u32string_view pattern, std::u32string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == U'*') {
    return naive_match(pattern.substr(1), text) ||
           (!text.empty() && naive_match(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern[0] == U'?' || pattern[0] == text[0]) &&
         naive_match(pattern.substr(1), text.substr(1));
}

std::string utf8(std::u32string_view text) {
  std::string out;
  for (char32_t const c : text) {
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x800) {
      out += static_cast<char>(0xC0U | (c >> 6U));
      out += static_cast<char>(0x80U | (c & 0x3FU));
    } else {
      out += static_cast<char>(0xE0U | (c >> 12U));
      out += static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
      out += static_cast<char>(0x80U | (c & 0x3FU));
    }
  }
  return out;
}

// Few letters, so that patterns and texts meet often.
rc::Gen<std::u32string> text_of(std::vector<char32_t> letters) {
  return rc::gen::resize(
      12, rc::gen::container<std::u32string>(rc::gen::elementOf(std::move(letters))));
}

RC_GTEST_PROP(Glob, matches_what_a_naive_matcher_matches, ()) {
  auto const pattern = *text_of({U'a', U'b', U'é', U'€', U'*', U'*', U'?'});
  auto const text = *text_of({U'a', U'b', U'é', U'€'});
  RC_ASSERT(glob_matches(utf8(pattern), utf8(text)) == naive_match(pattern, text));
}

RC_GTEST_PROP(Glob, a_pattern_made_from_a_text_matches_it, ()) {
  auto const text = *text_of({U'a', U'b', U'c', U'é'});
  std::u32string pattern;
  for (char32_t const c : text) {
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        pattern += U'?';
        break;
      case 1:
        pattern += U'*';
        break;
      case 2:
        pattern += U"*";
        pattern += c;
        break;
      default:
        pattern += c;
    }
  }
  RC_ASSERT(glob_matches(utf8(pattern), utf8(text)));
}

TEST(Glob, a_name_without_wildcards_matches_itself_only) {
  EXPECT_TRUE(glob_matches("tool.call", "tool.call"));
  EXPECT_FALSE(glob_matches("tool.call", "tool.calls"));
  EXPECT_FALSE(glob_matches("tool.call", "Tool.call"));
  EXPECT_FALSE(glob_matches("tool.call", "toolxcall"));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_FALSE(is_glob("tool.call"));
  EXPECT_TRUE(is_glob("tool.*"));
  EXPECT_TRUE(is_glob("tool?call"));
}

TEST(Glob, a_question_mark_is_one_character_and_not_one_byte) {
  EXPECT_TRUE(glob_matches("caf?", "café"));
  EXPECT_FALSE(glob_matches("caf??", "café"));
  EXPECT_TRUE(glob_matches("?", "€"));
  EXPECT_FALSE(glob_matches("*??", "€"));
}

TEST(Glob, a_pattern_that_ruins_backtracking_matchers_takes_no_time) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "a*";
  pattern += 'b';
  std::string const text(100'000, 'a');
  EXPECT_FALSE(glob_matches(pattern, text));  // a backtracking matcher would not come back
  EXPECT_TRUE(glob_matches(pattern, text + "b"));
}

TEST(Nearest, finds_the_word_that_was_meant) {
  std::array<std::string_view, 5> constexpr known = {
      "tenants", "workflows", "tools", "effect", "reason"};
  EXPECT_EQ(nearest("tool", known), "tools");
  EXPECT_EQ(nearest("tolos", known), "tools");
  EXPECT_EQ(nearest("workflow", known), "workflows");
  EXPECT_EQ(nearest("efect", known), "effect");
  EXPECT_EQ(nearest("raeson", known), "reason");
  EXPECT_EQ(nearest("tools", known), "tools");
}

TEST(Nearest, offers_nothing_for_a_word_that_is_far_from_all) {
  std::array<std::string_view, 4> constexpr known = {"tools", "id", "", "effect"};
  EXPECT_EQ(nearest("colour", known), std::nullopt);
  EXPECT_EQ(nearest("x", known), std::nullopt);
  EXPECT_EQ(nearest("", known), std::nullopt);
  EXPECT_EQ(nearest(std::string(65, 't'), known), std::nullopt);
  EXPECT_EQ(nearest("tools", {}), std::nullopt);
}

TEST(Nearest, takes_the_first_of_equally_near_words) {
  std::array<std::string_view, 2> constexpr known = {"send", "sent"};
  EXPECT_EQ(nearest("senf", known), "send");
}

}  // namespace
}  // namespace dalsegno::engine
