#include "storage/access/token.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>

namespace dalsegno::access {
namespace {

constexpr std::string_view base62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

rc::Gen<TokenKind> any_kind() {
  return rc::gen::element(TokenKind::operators, TokenKind::runtimes, TokenKind::auditors);
}

rc::Gen<std::string> any_body() {
  return rc::gen::container<std::string>(token_body_characters,
                                         rc::gen::elementOf(std::string(base62)));
}

RC_GTEST_PROP(Token, parses_what_was_made, ()) {
  auto const kind = *any_kind();
  auto const token = Token::with_body(kind, *any_body());
  auto const parsed = Token::parse(token.text());
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(parsed->kind() == kind);
  RC_ASSERT(parsed->text() == token.text());
  RC_ASSERT(same_digest(parsed->digest(), token.digest()));
}

RC_GTEST_PROP(Token, refuses_one_that_differs_by_a_character, ()) {
  auto const token = Token::with_body(*any_kind(), *any_body());
  std::string text(token.text());
  auto const place = *rc::gen::inRange<std::size_t>(0, text.size());
  auto const other =
      *rc::gen::suchThat(rc::gen::character<char>(), [&](char it) { return it != text[place]; });
  text[place] = other;
  auto const parsed = Token::parse(text);
  RC_ASSERT(!parsed.has_value());
  RC_ASSERT(parsed.error().code == Errc::invalid);
}

RC_GTEST_PROP(Token, refuses_two_characters_that_changed_places, ()) {
  auto const token = Token::with_body(*any_kind(), *any_body());
  std::string text(token.text());
  auto const place = *rc::gen::inRange<std::size_t>(8, text.size() - 1);
  RC_PRE(text[place] != text[place + 1]);
  std::swap(text[place], text[place + 1]);
  RC_ASSERT(!Token::parse(text).has_value());
}

RC_GTEST_PROP(Token, never_crashes_on_any_text_nor_repeats_it, (std::string const& text)) {
  auto const parsed = Token::parse("dsg_rt_" + text);
  if (!parsed && text.size() > 6) RC_ASSERT(parsed.error().detail.find(text) == std::string::npos);
}

TEST(Token, has_a_pinned_form) {
  // The check characters are CRC-32 (zlib.crc32) of what stands before, in base 62.
  auto const token = Token::with_body(TokenKind::operators, std::string(30, '0'));
  EXPECT_EQ(token.text(), "dsg_op_0000000000000000000000000000002CDWlH");
  EXPECT_EQ(Token::with_body(TokenKind::auditors, "abcdefghijklmnopqrstuvwxyzABCD").text(),
            "dsg_aud_abcdefghijklmnopqrstuvwxyzABCD2EiqWQ");
}

TEST(Token, says_what_is_wrong_with_a_text_that_is_none) {
  auto const why = [](std::string_view text) { return Token::parse(text).error().detail; };
  EXPECT_EQ(why("hunter2"),
            "this is no token: it begins with none of dsg_op_, dsg_rt_ and dsg_aud_");
  EXPECT_EQ(why("dsg_op_short"), "this is no token: behind dsg_op_ it has 5 characters, not 36");
  EXPECT_EQ(why("dsg_rt_" + std::string(35, 'a') + "-"),
            "this is no token: it has a character that is no letter and no digit");
  EXPECT_EQ(
      why("dsg_aud_" + std::string(36, 'a')),
      "this is no token: its last six characters do not fit the others; it was mistyped or cut");
}

TEST(Token, is_made_from_every_character_and_never_twice) {
  std::set<std::string> made;
  std::set<char> seen;
  for (int i = 0; i < 500; ++i) {
    auto const token = Token::make(TokenKind::runtimes);
    EXPECT_TRUE(Token::parse(token.text()).has_value());
    EXPECT_TRUE(made.emplace(token.text()).second);
    for (auto const it : token.text().substr(7, token_body_characters)) seen.insert(it);
  }
  EXPECT_EQ(seen.size(), base62.size());
}

TEST(Token, leaves_nothing_behind_when_it_is_moved) {
  auto token = Token::make(TokenKind::runtimes);
  auto const text = std::string(token.text());
  auto const moved = std::move(token);
  EXPECT_EQ(moved.text(), text);
  EXPECT_TRUE(token.text().empty());  // NOLINT(bugprone-use-after-move): that is what is asked
}

}  // namespace
}  // namespace dalsegno::access
