#include "storage/vault/known_values.h"

#include "storage/event/base64.h"
#include "tests/storage/vault/samples.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace dalsegno::vault {
namespace {

std::vector<Finding> found(KnownValues const& known, std::string_view text) {
  std::vector<Finding> findings;
  known.find(text, findings);
  return join(std::move(findings));
}

std::string hex_of(std::string_view value, std::string_view digits) {
  std::string out;
  for (char const c : value) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4U]);
    out.push_back(digits[static_cast<unsigned char>(c) & 15U]);
  }
  return out;
}

TEST(KnownValues, are_found_in_the_encodings_that_tools_use) {
  KnownValues known;
  ASSERT_TRUE(known.add("tool_credential", "s3cr\"t/+& v\xC3\xA4lue"));
  for (auto const& text : {std::string("a s3cr\"t/+& v\xC3\xA4lue b"),
                           std::string(R"({"x":"s3cr\"t/+& vä)"
                                       "lue\"}"),
                           std::string("?q=s3cr%22t%2F%2B%26%20v%C3%A4lue"),
                           std::string("?q=s3cr%22t%2f%2b%26%20v%c3%a4lue"),
                           hex_of("s3cr\"t/+& v\xC3\xA4lue", "0123456789abcdef"),
                           hex_of("s3cr\"t/+& v\xC3\xA4lue", "0123456789ABCDEF")})
    EXPECT_EQ(found(known, text).size(), 1U) << text;
}

RC_GTEST_PROP(KnownValues,
              are_found_in_base64_whatever_stands_around_them,
              (std::string const& before, std::string const& after)) {
  auto const value = *rc::gen::container<std::string>(rc::gen::nonZero<char>());
  RC_PRE(value.size() >= shortest_known_value);
  KnownValues known;
  RC_ASSERT(known.add("x", value));
  for (auto const alphabet : {storage::Base64::standard, storage::Base64::url})
    RC_ASSERT(!found(known, storage::encode_base64(before + value + after, alphabet)).empty());
}

TEST(KnownValues, refuse_a_value_that_would_be_found_in_everything) {
  KnownValues known;
  EXPECT_FALSE(known.add("x", "short"));
  EXPECT_TRUE(known.empty());
}

TEST(KnownValues, know_when_the_end_of_a_text_cuts_one_off) {
  KnownValues known;
  ASSERT_TRUE(known.add("x", "swordfish"));
  EXPECT_EQ(known.open_from("the swordf"), 4U);
  EXPECT_EQ(known.open_from("the swordfish "), std::string_view::npos);
}

}  // namespace
}  // namespace dalsegno::vault
