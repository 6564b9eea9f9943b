#include "storage/vault/stream_redactor.h"

#include "tests/storage/vault/samples.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace dalsegno::vault {
namespace {

storage::SessionSecret const key{{1, 2, 3}};

std::string streamed(Redactor const& redactor, std::string_view text, std::size_t chunk) {
  StreamRedactor stream(redactor);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += chunk)
    out += stream.feed(text.substr(at, chunk));
  return out + stream.finish();
}

TEST(StreamRedactor, never_lets_out_a_part_of_a_secret_whatever_the_chunks) {
  Redactor redactor(key);
  std::string const filler = "The deployment went well and nobody was woken. ";
  std::string long_filler;
  for (int i = 0; i < 12; ++i) long_filler += filler;
  ASSERT_TRUE(
      redactor.add_known("tool_credential", "correct horse battery staple " + test::dummy(500)));
  for (auto const& secret : {test::github_pat(),
                             test::pem_block(),
                             std::string("4111 1111 1111 1111"),
                             std::string("DE89 3704 0044 0532 0130 00"),
                             "correct horse battery staple " + test::dummy(500)}) {
    auto const text = long_filler + "look: " + secret + " and " + long_filler;
    auto const whole = redactor.text(text);
    ASSERT_EQ(whole.replaced.size(), 1U) << secret;
    for (std::size_t const chunk : {1U, 2U, 7U, 64U, 1000U})
      EXPECT_EQ(streamed(redactor, text, chunk), whole.value);
  }
}

TEST(StreamRedactor, holds_a_quoted_value_until_it_is_closed) {
  Redactor const redactor(key);
  std::string words;
  while (words.size() < 900) words += "open sesame ";
  auto const text = "x = {\"passphrase\": \"q7" + words.substr(0, 30) + "\"} " + words;
  EXPECT_EQ(streamed(redactor, text, 3), redactor.text(text).value);
}

RC_GTEST_PROP(StreamRedactor, gives_what_the_redactor_gives_for_the_whole, ()) {
  Redactor const redactor(key);
  auto const text = *test::text_gen() + *test::text_gen() + *test::text_gen();
  auto const chunk = *rc::gen::inRange<std::size_t>(1, 200);
  auto const whole = redactor.text(text);
  auto const stream = streamed(redactor, text, chunk);
  // A later round of the redactor may find more than a single pass does.
  if (stream != whole.value) RC_ASSERT(redactor.text(stream).value == whole.value);
}

TEST(StreamRedactor, lets_text_without_secrets_pass_with_little_delay) {
  Redactor const redactor(key);
  StreamRedactor stream(redactor);
  std::size_t fed = 0;
  std::size_t out = 0;
  for (int i = 0; i < 500; ++i) {
    std::string const chunk = "some words ";
    fed += chunk.size();
    out += stream.feed(chunk).size();
    EXPECT_LE(fed - out, lookahead + 32);
  }
}

TEST(StreamRedactor, lets_nothing_out_any_more_when_it_would_have_to_hold_too_much) {
  Redactor const redactor(key);
  StreamRedactor stream(redactor);
  std::string const run(StreamRedactor::max_held + 1000, 'a');
  EXPECT_EQ(stream.feed(run), "");
  EXPECT_TRUE(stream.failed());
  EXPECT_EQ(stream.feed(" and more"), "");
  EXPECT_EQ(stream.finish(), "[secret:unredacted:" + redactor.digits(run + " and more") + "]");
}

TEST(StreamRedactor, reports_offsets_in_the_whole_input) {
  Redactor const redactor(key);
  StreamRedactor stream(redactor);
  std::string text(5000, ' ');
  text += test::github_pat();
  (void)stream.feed(text);
  (void)stream.finish();
  ASSERT_EQ(stream.replaced().size(), 1U);
  EXPECT_EQ(stream.replaced()[0].begin, 5000U);
  EXPECT_EQ(stream.replaced()[0].end, text.size());
}

}  // namespace
}  // namespace dalsegno::vault
