#include "storage/vault/checks.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace dalsegno::vault {
namespace {

TEST(Checks, accept_the_examples_that_the_standards_print) {
  EXPECT_TRUE(luhn("4111 1111 1111 1111"));
  EXPECT_TRUE(luhn("79927398713"));
  EXPECT_TRUE(iban_mod_97("GB82 WEST 1234 5698 7654 32"));
  EXPECT_TRUE(iban_mod_97("NO93 8601 1117 947"));
  EXPECT_TRUE(bitcoin_address("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"));
  EXPECT_TRUE(bitcoin_address("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"));
  EXPECT_TRUE(bitcoin_address("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"));
  EXPECT_TRUE(find_check("verhoeff")("2363"));
  EXPECT_TRUE(find_check("uk_nhs")("943 476 5919"));
  EXPECT_TRUE(find_check("tr_national_id")("10000000146"));
  EXPECT_TRUE(find_check("br_cpf")("529.982.247-25"));
  EXPECT_TRUE(find_check("ch_ahv")("756.9217.0769.85"));
  EXPECT_TRUE(find_check("es_nif")("12345678Z"));
  EXPECT_TRUE(find_check("fi_personal_identity_code")("131052-308T"));
  EXPECT_TRUE(find_check("cn_resident_id")("11010519491231002X"));
  EXPECT_TRUE(find_check("au_abn")("51824753556"));
  EXPECT_TRUE(find_check("nl_bsn")("111222333"));
  EXPECT_EQ(find_check("no_such_check"), nullptr);
}

TEST(Checks, refuse_numbers_that_nobody_was_given) {
  auto* const ssn = find_check("us_ssn");
  for (auto const* number : {"000-12-3456",
                             "666-12-3456",
                             "912-12-3456",
                             "123-00-4567",
                             "123-45-0000",
                             "078-05-1120",
                             "219-09-9999"})
    EXPECT_FALSE(ssn(number)) << number;
  EXPECT_FALSE(find_check("ca_sin")("046 454 286"));
  EXPECT_FALSE(find_check("kr_rrn")("960231-1234567")) << "the 31st of February";
}

TEST(Checks, look_into_the_header_of_a_json_web_token) {
  EXPECT_TRUE(json_web_token("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x"));
  EXPECT_FALSE(json_web_token("eyJAAAA.eyJBBB"));
}

/// Every check digit of one place notices one wrong digit.
RC_GTEST_PROP(Checks, notice_every_single_wrong_digit, ()) {
  auto digits =
      *rc::gen::container<std::string>(15, rc::gen::inRange('0', static_cast<char>('9' + 1)));
  for (char last = '0'; last <= '9'; ++last)
    if (luhn(digits + last)) {
      digits += last;
      break;
    }
  RC_ASSERT(digits.size() == 16U);
  auto const at = *rc::gen::inRange<std::size_t>(0, digits.size());
  auto wrong = digits;
  wrong[at] = *rc::gen::suchThat(rc::gen::inRange('0', static_cast<char>('9' + 1)),
                                 [&](char c) { return c != digits[at]; });
  RC_ASSERT(!luhn(wrong));
}

}  // namespace
}  // namespace dalsegno::vault
