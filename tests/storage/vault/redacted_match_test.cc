#include "storage/vault/redacted_match.h"

#include "dalsegno/json.h"
#include "storage/vault/redactor.h"
#include "tests/storage/vault/samples.h"
#include "tests/support/json_gen.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace dalsegno::vault {
namespace {

Redactor const& redactor() {
  static Redactor const one{storage::SessionSecret{}};
  return one;
}

RC_GTEST_PROP(RedactedMatch, takes_whatever_the_redactor_makes_of_a_text, ()) {
  auto const text = *test::text_gen();
  auto const redacted = redactor().text(text);
  RC_ASSERT(could_be_redacted_text(redacted.value, text));
}

RC_GTEST_PROP(RedactedMatch, takes_whatever_the_redactor_makes_of_a_json_value, ()) {
  auto value = *dalsegno::test::json_value(3);
  Json outer;
  outer.set("value", value).set("password", "hunter2 " + test::github_pat()).set("pin", 4711);
  auto const redacted = redactor().json(outer);
  RC_ASSERT(could_be_redacted_json(to_string(redacted.value), to_string(outer)));
}

TEST(RedactedMatch, refuses_a_text_that_differs_outside_of_tokens) {
  constexpr auto token = "[secret:x:0123456789abcdef]";
  auto const redacted = std::string("use ") + token + " twice: " + token + ".";
  EXPECT_TRUE(could_be_redacted_text(redacted, "use a twice: b."));
  EXPECT_TRUE(could_be_redacted_text(redacted, "use  twice: ."));
  EXPECT_FALSE(could_be_redacted_text(redacted, "use a twice, b."));
  EXPECT_FALSE(could_be_redacted_text(redacted, "used a twice: b."));
  EXPECT_FALSE(could_be_redacted_text(redacted, "use a twice: b!"));
  EXPECT_FALSE(could_be_redacted_text(redacted, "use ."));
  EXPECT_FALSE(could_be_redacted_text("plain", "plane"));
}

TEST(RedactedMatch, refuses_a_json_value_that_differs_outside_of_tokens) {
  constexpr auto redacted = R"({"a":"[secret:x:0123456789abcdef]","b":[1,"x"]})";
  EXPECT_TRUE(could_be_redacted_json(redacted, R"({"a":4111111111111111,"b":[1,"x"]})"));
  EXPECT_TRUE(could_be_redacted_json(redacted, R"({"a":"anything","b":[1,"x"]})"));
  EXPECT_FALSE(could_be_redacted_json(redacted, R"({"a":"anything","b":[2,"x"]})"));
  EXPECT_FALSE(could_be_redacted_json(redacted, R"({"a":"anything","b":[1]})"));
  EXPECT_FALSE(could_be_redacted_json(redacted, R"({"a":"anything","b":[1,"x"],"c":0})"));
  EXPECT_FALSE(could_be_redacted_json(redacted, "no JSON"));
}

}  // namespace
}  // namespace dalsegno::vault
