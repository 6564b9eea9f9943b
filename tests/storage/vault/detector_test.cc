#include "storage/vault/detector.h"

#include "tests/storage/vault/samples.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dalsegno::vault {
namespace {

using test::dummy;

/// The parts that are found, with their kinds: "kind=part".
std::vector<std::string> found(std::string_view text, std::string_view hint = {}) {
  std::vector<std::string> parts;
  for (auto const& finding : find_sensitive(builtin_rules(), nullptr, text, hint))
    parts.push_back(finding.kind + "=" +
                    std::string(text.substr(finding.begin, finding.end - finding.begin)));
  return parts;
}
using Parts = std::vector<std::string>;

TEST(Detector, finds_passwords_by_the_name_that_they_are_assigned_to) {
  EXPECT_EQ(found("DB_PASSWORD=harbor-meadow33\n"), Parts{"password=harbor-meadow33"});
  EXPECT_EQ(found(R"({"password": "open sesame"})"), Parts{"password=open sesame"});
  EXPECT_EQ(found(R"({\"password\": \"sesame1\"})"), Parts{"password=sesame1"});
  EXPECT_EQ(found("mysql --password hunter2 -h db"), Parts{"password=hunter2"});
  EXPECT_EQ(found("<password>hunter2</password>"), Parts{"password=hunter2"});
  EXPECT_EQ(found("password: str = \"hunter2\""), Parts{"password=hunter2"});
  EXPECT_EQ(found("if (\"hunter2!\" == passwd) {"), Parts{"password=hunter2!"});
  EXPECT_EQ(found("my password is hunter2."), Parts{"password=hunter2"});
  EXPECT_EQ(found("clientSecret := `a b`; x"), Parts{}) << "a command";
}

TEST(Detector, finds_tokens_by_the_name_that_they_are_assigned_to) {
  auto const token = dummy(32);
  for (auto const& text : {"ACME_API_KEY=" + token,
                           "acme_token = \"" + token + "\"",
                           "X-Acme-Token: " + token,
                           "const acmeSecret = '" + token + "';",
                           "\"acme.apiKey\" => \"" + token + "\",",
                           "Authorization: Bearer " + token,
                           "?access_token=" + token + "&x=1",
                           "acme:\n  auth_token: " + token + "\n"}) {
    auto const parts = found(text);
    ASSERT_EQ(parts.size(), 1U) << text;
    EXPECT_TRUE(parts[0].ends_with('=' + token)) << parts[0];
  }
}

TEST(Detector, finds_credentials_in_headers) {
  EXPECT_EQ(found("Authorization: Basic Ym9iOmh1bnRlcg=="), Parts{"token=Ym9iOmh1bnRlcg=="});
  EXPECT_EQ(found("Authorization: Bearer a1b2c3d4e5"), Parts{"token=a1b2c3d4e5"});
  EXPECT_EQ(found("Authorization: Bearer authentication"), Parts{});
  EXPECT_EQ(found("ACME_TOKEN=https://acme.org/hooks/T0x9Qq/B7rT2/z"),
            Parts{"token=https://acme.org/hooks/T0x9Qq/B7rT2/z"});
}

TEST(Detector, leaves_names_that_only_sound_like_it) {
  for (auto const* text : {"foreign_key=orders_customer_7f3a9c",
                           "token_count = 123456789012",
                           "max_tokens: 4096",
                           "public_key = \"9Cnzj4p4WGeKLs1Pt8QuKU\"",
                           "key_name: \"prod5zyxlmy-cmk\"",
                           "password_policy: \"at least 12\"",
                           "primaryKey: 'a1b2c3d4e5f6g7h8i9j0'",
                           "nextPageToken: \"CAUQAA1b2c3d4e5f6\"",
                           "keyboard = \"qwertz-1234567890\""})
    EXPECT_EQ(found(text), Parts{}) << text;
}

TEST(Detector, leaves_what_stands_for_a_value) {
  for (auto const* text : {"API_KEY=<your key>",
                           "password: ${DB_PASSWORD}",
                           "token = os.environ['TOKEN']",
                           "secret = config.secret",
                           "PASSWORD=changeme",
                           "api_key: \"xxxxxxxxxxxxxxxxxxxx\"",
                           "password = getpass()",
                           "token: {{ vault.token }}",
                           "GITHUB_TOKEN=${{ secrets.GITHUB_TOKEN }}",
                           "The password policy requires 12 characters and a token rotates daily."})
    EXPECT_EQ(found(text), Parts{}) << text;
}

TEST(Detector, finds_passwords_in_addresses) {
  EXPECT_EQ(found("postgres://app:s3cr3t@db:5432/x"), Parts{"url_password=s3cr3t"});
  EXPECT_EQ(found("mongodb+srv://app:p%40ss:w@rd1@db/x"), Parts{"url_password=p%40ss:w@rd1"});
  EXPECT_EQ(found("https://host:8000/a@b"), Parts{});
  EXPECT_EQ(found("curl -u app:s3cr3t9 https://host"), Parts{"basic_auth=app:s3cr3t9"});
  EXPECT_EQ(found("sort -u a:b"), Parts{});
}

TEST(Detector, finds_cards_and_accounts_by_their_check_digits) {
  EXPECT_EQ(found("charge 4111-1111-1111-1111 today"), Parts{"payment_card=4111-1111-1111-1111"});
  EXPECT_EQ(found("charge 4111-1111-1111-1112 today"), Parts{});
  EXPECT_EQ(found("the order 6759649826438453 was shipped on Monday"), Parts{})
      << "no network's prefix, and no word";
  EXPECT_EQ(found("my card 6759649826438453"), Parts{"payment_card=6759649826438453"});
  EXPECT_EQ(found("to DE89 3704 0044 0532 0130 00."), Parts{"iban=DE89 3704 0044 0532 0130 00"});
  EXPECT_EQ(found("wire it on Monday to DE89 3704 0044 0532 0130 01."), Parts{});
  EXPECT_EQ(found("to XX89 3704 0044 0532 0130 00."), Parts{});
}

TEST(Detector, asks_for_a_word_where_a_number_could_be_anything) {
  EXPECT_EQ(found("order 44051401458 was shipped to the customer on Monday"), Parts{});
  EXPECT_EQ(found("his pesel is 44051401458 and he lives in Warsaw"),
            Parts{"pl_pesel=44051401458"});
  EXPECT_EQ(found("44051401458"), Parts{"pl_pesel=44051401458"});
  EXPECT_EQ(found("44051401458", "order_id"), Parts{});
  EXPECT_EQ(found("44051401458", "pesel"), Parts{"pl_pesel=44051401458"});
}

TEST(Detector, finds_addresses_of_machines_and_not_what_looks_similar) {
  EXPECT_EQ(found("from 192.168.2.1:80 to 10.0.0.0/8"), (Parts{"ip=192.168.2.1", "ip=10.0.0.0/8"}));
  EXPECT_EQ(found("[2001:db8::1]:443"), Parts{"ip=2001:db8::1"});
  EXPECT_EQ(found("ping fe80::1%eth0 now"), Parts{"ip=fe80::1%eth0"});
  EXPECT_EQ(found("::ffff:10.0.0.1"), Parts{"ip=::ffff:10.0.0.1"});
  EXPECT_EQ(found("at 12:34:56, version 1.2.3.4, std::move, a::b, 2001::db8::1"), Parts{});
  EXPECT_EQ(found("eth0 00:1A:2B:3C:4D:5E, FF:FF:FF:FF:FF:FF"), Parts{"mac=00:1A:2B:3C:4D:5E"});
  EXPECT_EQ(found("write to <jane.doe+x@mail.example.org>"),
            Parts{"email=jane.doe+x@mail.example.org"});
  EXPECT_EQ(found("git@github.com:a/b and @handle and a@b"), Parts{});
}

TEST(Detector, finds_telephone_numbers) {
  EXPECT_EQ(found("call +44 20 7946 0958 now"), Parts{"phone=+44 20 7946 0958"});
  EXPECT_EQ(found("(415) 555-0132"), Parts{"phone=(415) 555-0132"});
  EXPECT_EQ(found("Phone: 0490 75 40 81"), Parts{"phone=0490 75 40 81"});
  EXPECT_EQ(found("My number is 030 1234 5678, ask for Ann there"), Parts{"phone=030 1234 5678"});
  EXPECT_EQ(found("Your order number is 030 1234 5678, it is on its way"), Parts{});
  EXPECT_EQ(found("it took 12 345 678 steps in the end, as was seen"), Parts{});
  EXPECT_EQ(found("on 2026-03-12 at 10"), Parts{});
}

TEST(Detector, gives_up_nothing_to_long_hostile_texts) {
  // Each would take hours if any part went back over what it had seen.
  for (std::string_view const piece : {"password=",
                                       "eyJ",
                                       "::",
                                       "1 ",
                                       "@a.",
                                       "-----BEGIN PRIVATE KEY-----",
                                       " -u ",
                                       "<password>",
                                       "4111 ",
                                       "://a:",
                                       "\"==",
                                       "AA99",
                                       "[secret:"}) {
    std::string text;
    while (text.size() < 200'000) text += piece;
    (void)find_sensitive(builtin_rules(), nullptr, text);
  }
}

}  // namespace
}  // namespace dalsegno::vault
