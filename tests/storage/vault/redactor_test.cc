#include "storage/vault/redactor.h"

#include "tests/storage/vault/samples.h"
#include "tests/support/json_gen.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace dalsegno::vault {
namespace {

storage::SessionSecret const key{{1, 2, 3}};

TEST(Redactor, puts_a_token_in_place_of_a_secret_and_says_where) {
  Redactor const redactor(key);
  auto const secret = test::github_pat();
  auto const result = redactor.text("use " + secret + " please");
  ASSERT_EQ(result.replaced.size(), 1U);
  auto const& part = result.replaced[0];
  EXPECT_EQ(result.value, "use " + part.token + " please");
  EXPECT_EQ(part.token, "[secret:github_pat:" + redactor.digits(secret) + "]");
  EXPECT_EQ(part.begin, 4U);
  EXPECT_EQ(part.end, 4U + secret.size());
  EXPECT_EQ(part.original, secret);
}

TEST(Redactor, gives_equal_values_equal_digits_and_other_keys_other_ones) {
  Redactor const redactor(key);
  Redactor const other(storage::SessionSecret{{9}});
  EXPECT_EQ(redactor.digits("x"), redactor.digits("x"));
  EXPECT_NE(redactor.digits("x"), redactor.digits("y"));
  EXPECT_NE(redactor.digits("x"), other.digits("x"));
  EXPECT_EQ(redactor.digits("x").size(), token_digits);
}

RC_GTEST_PROP(Redactor, changes_nothing_when_it_redacts_what_was_redacted, ()) {
  Redactor const redactor(key);
  auto const once = redactor.text(*test::text_gen());
  auto const twice = redactor.text(once.value);
  RC_ASSERT(twice.value == once.value);
  RC_ASSERT(twice.replaced.empty());
}

RC_GTEST_PROP(Redactor, reports_parts_that_make_the_input_again, ()) {
  Redactor const redactor(key);
  auto const text = *test::text_gen();
  auto const result = redactor.text(text);
  if (result.failed) return;
  std::string again;
  std::size_t at = 0;
  std::string rendered;
  for (auto const& part : result.replaced) {
    RC_ASSERT(part.begin >= at && part.end <= text.size());
    RC_ASSERT(text.substr(part.begin, part.end - part.begin) == part.original);
    rendered += text.substr(at, part.begin - at) + part.token;
    at = part.end;
  }
  RC_ASSERT(rendered + text.substr(at) == result.value);
}

TEST(Redactor, replaces_fields_of_json_by_their_names) {
  Redactor const redactor(key);
  auto const value =
      parse_json(R"({"user":"bob","password":"x","pin":1234,"deep":[{"client_secret":"a b"}],
      "api_key":"none","card":4111111111111111,"order_id":44051401458,"empty":{"password":""}})");
  ASSERT_TRUE(value);
  auto const result = redactor.json(*value);
  EXPECT_EQ(to_string(result.value),
            R"({"user":"bob","password":"[secret:password:)" + redactor.digits("x") +
                R"(]","pin":"[secret:password:)" + redactor.digits("1234") +
                R"(]","deep":[{"client_secret":"[secret:password:)" + redactor.digits("a b") +
                R"(]"}],"api_key":"none","card":"[secret:payment_card:)" +
                redactor.digits("4111111111111111") +
                R"(]","order_id":44051401458,"empty":{"password":""}})");
  ASSERT_EQ(result.replaced.size(), 4U);
  EXPECT_EQ(result.replaced[2].pointer, "/deep/0/client_secret");
}

TEST(Redactor, redacts_names_of_members_and_keeps_them_apart) {
  Redactor const redactor(key);
  auto const token = "[secret:email:" + redactor.digits("a@b.org") + "]";
  Json value;
  value.set("a@b.org", 1).set(token, 2);
  auto const result = redactor.json(value);
  EXPECT_EQ(to_string(result.value), "{\"" + token + "#2\":1,\"" + token + "\":2}");
  EXPECT_EQ(result.replaced[0].pointer, "/a@b.org#key");
}

RC_GTEST_PROP(Redactor, keeps_json_json_and_changes_nothing_the_second_time, ()) {
  Redactor const redactor(key);
  Json value;
  auto const names = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
      std::vector<std::string>{"password", "token", "note", "card", "a@b.org", "ssn"}));
  for (auto const& name : names) {
    auto text = *test::text_gen();
    std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    value.set(name, Json(Json::Array{Json(text), Json(4111111111111111), Json(nullptr)}));
  }
  auto const once = redactor.json(value);
  RC_ASSERT(parse_json(to_string(once.value)).has_value());
  auto const twice = redactor.json(once.value);
  RC_ASSERT(to_string(twice.value) == to_string(once.value));
}

TEST(Redactor, leaves_only_a_commitment_when_a_bound_is_exceeded) {
  Redactor const small(key, {.spared = {}, .max_bytes = 10});
  auto const result = small.text("more than ten bytes");
  EXPECT_TRUE(result.failed);
  EXPECT_EQ(result.value, "[secret:unredacted:" + small.digits("more than ten bytes") + "]");
  EXPECT_TRUE(result.replaced.empty());
  auto const json = small.json(Json(Json::Array{Json("12345"), Json("678901")}));
  EXPECT_TRUE(json.failed);
  EXPECT_EQ(*json.value.as_string(),
            "[secret:unredacted:" + small.digits(R"(["12345","678901"])") + "]");
  Redactor const few(key, {.spared = {}, .max_findings = 1});
  EXPECT_TRUE(few.text(test::github_pat() + " " + test::github_pat(2)).failed);
}

TEST(Redactor, spares_the_categories_that_it_is_told_to) {
  Redactor const redactor(key, {.spared = {"ip"}});
  EXPECT_EQ(redactor.text("10.0.0.1").value, "10.0.0.1");
  EXPECT_NE(redactor.version(), Redactor(key).version());
}

TEST(Redactor, finds_known_values_encoded) {
  Redactor redactor(key);
  ASSERT_TRUE(redactor.add_known("tool_credential", "swordfish9"));
  EXPECT_EQ(redactor.text("c3dvcmRmaXNoOQ==").replaced.size(), 1U);
  EXPECT_EQ(redactor.text("swordfish9").value,
            "[secret:tool_credential:" + redactor.digits("swordfish9") + "]");
}

TEST(Redactor, finds_a_value_that_became_known_in_a_text_that_was_clean_before) {
  Redactor redactor{storage::SessionSecret{}};
  auto const text =
      "the word of the day is correct horse battery staple, and it is a long sentence";
  Json const value(text);
  EXPECT_TRUE(redactor.json(value).replaced.empty());
  EXPECT_TRUE(redactor.json(value).replaced.empty());
  ASSERT_TRUE(redactor.add_known("word", "correct horse battery staple"));
  EXPECT_EQ(redactor.json(value).replaced.size(), 1U);
}

TEST(Redactor, finds_a_value_that_became_known_in_the_name_of_a_member_that_was_clean_before) {
  Redactor redactor{storage::SessionSecret{}};
  Json value;
  value.set("swordfish9", Json(std::int64_t{1}));
  EXPECT_TRUE(redactor.json(value).replaced.empty());
  EXPECT_TRUE(redactor.json(value).replaced.empty());
  ASSERT_TRUE(redactor.add_known("word", "swordfish9"));
  auto const result = redactor.json(value);
  ASSERT_EQ(result.replaced.size(), 1U);
  EXPECT_EQ(result.replaced[0].pointer, "/swordfish9#key");
}

TEST(Redactor, names_the_place_of_what_it_found_by_a_pointer) {
  Redactor const redactor{storage::SessionSecret{}};
  auto const value =
      parse_json(R"({"a/b":[1,{"~x":[0,"anna@example.com"]}],"anna@example.com":2})");
  ASSERT_TRUE(value);
  for (int round = 0; round < 2; ++round) {  // the second time, the names are known
    auto const result = redactor.json(*value);
    ASSERT_EQ(result.replaced.size(), 2U);
    EXPECT_EQ(result.replaced[0].pointer, "/a~1b/1/~0x/1");
    EXPECT_EQ(result.replaced[1].pointer, "/anna@example.com#key");
  }
}

TEST(Redactor, looks_at_a_clean_text_again_under_another_name) {
  Redactor const redactor{storage::SessionSecret{}};
  std::string const text(100, 'x');
  auto const long_text = "Tr0ub4dor&3-" + test::dummy(80);
  Json harmless;
  harmless.set("note", long_text + text);
  Json secret;
  secret.set("password", long_text + text);
  EXPECT_TRUE(redactor.json(harmless).replaced.empty());
  EXPECT_EQ(redactor.json(secret).replaced.size(), 1U);
}

}  // namespace
}  // namespace dalsegno::vault
