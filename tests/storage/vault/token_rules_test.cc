#include "storage/vault/detector.h"
#include "tests/storage/vault/samples.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dalsegno::vault {
namespace {

using test::dummy;
using test::hex;

/// A value of the format that the rule of this id describes.
struct Sample {
  std::string rule;
  std::string value;
};

std::vector<Sample> samples() {
  return {
      {"github_pat", test::github_pat()},
      {"github_pat",
       "github_"
       "pat_" +
           dummy(82)},
      {"github_token",
       "gh"
       "s_" +
           dummy(36)},
      {"dalsegno_token",
       "dsg_"
       "op_" +
           dummy(36)},
      {"gitlab_token",
       "gl"
       "pat-" +
           dummy(20)},
      {"gitlab_trigger_token",
       "glptt"
       "-" +
           dummy(40, hex)},
      {"npm_token",
       "np"
       "m_" +
           dummy(36)},
      {"rubygems_token",
       "rubygems"
       "_" +
           dummy(48, hex)},
      {"aws_key_id",
       "AKI"
       "A" +
           dummy(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")},
      {"google_oauth_secret",
       "GOCSPX"
       "-" +
           dummy(28)},
      {"azure_client_secret",
       "abc8Q"
       "~" +
           dummy(34)},
      {"digitalocean_token",
       "dop"
       "_v1_" +
           dummy(64, hex)},
      {"cloudflare_origin_key",
       "v1"
       ".0-" +
           dummy(24, hex) + "-" + dummy(146, hex)},
      {"openai_key",
       "sk"
       "-proj-" +
           dummy(60) +
           "T3Blbk"
           "FJ" +
           dummy(60)},
      {"anthropic_key",
       "sk"
       "-ant-api03-" +
           dummy(93) + "AA"},
      {"huggingface_token",
       "h"
       "f_" +
           dummy(34, "qwrtzpsdfghjklxcvbnm")},
      {"groq_key",
       "gs"
       "k_" +
           dummy(52)},
      {"stripe_key",
       "sk"
       "_live_" +
           dummy(24)},
      {"stripe_webhook_secret",
       "whs"
       "ec_" +
           dummy(32)},
      {"slack_token", test::slack_token()},
      {"slack_webhook",
       "hooks.slack"
       ".com/services/T" +
           dummy(8) + "/B" + dummy(8) + "/" + dummy(24)},
      {"discord_token", "M" + dummy(23) + "." + dummy(6) + "." + dummy(38)},
      {"telegram_token",
       "482913740:A"
       "A" +
           dummy(33)},
      {"twilio_key",
       "S"
       "K" +
           dummy(32, hex)},
      {"sendgrid_key",
       "S"
       "G." +
           dummy(22) + "." + dummy(43)},
      {"mailchimp_key",
       dummy(32, hex) + "-u"
                        "s12"},
      {"databricks_token",
       "dap"
       "i" +
           dummy(32, hex)},
      {"airtable_token",
       "pa"
       "t" +
           dummy(14) + "." + dummy(64, hex)},
      {"grafana_token",
       "gls"
       "a_" +
           dummy(32) + "_" + dummy(8, hex)},
      {"hashicorp_token",
       dummy(14) +
           ".atlas"
           "v1." +
           dummy(65)},
      {"vault_token",
       "hv"
       "s." +
           dummy(90)},
      {"linear_key",
       "lin"
       "_api_" +
           dummy(40)},
      {"notion_token",
       "nt"
       "n_12345678901" +
           dummy(35)},
      {"postman_key",
       "PMA"
       "K-" +
           dummy(24, hex) + "-" + dummy(34, hex)},
      {"pulumi_token",
       "pu"
       "l-" +
           dummy(40, hex)},
      {"shopify_token",
       "shpa"
       "t_" +
           dummy(32, hex)},
      {"dalsegno_token",
       "dsg"
       "_op_" +
           dummy(36)},
      {"private_key", test::pem_block()},
      {"json_web_token",
       "eyJhbGciOiJIUzI1NiJ9.ey"
       "JzdWIiOiIxIn0." +
           dummy(43)},
  };
}

TEST(TokenRules, find_a_value_of_each_format_alone_and_within_a_sentence) {
  for (auto const& sample : samples()) {
    for (auto const& text :
         {sample.value, "I saw " + sample.value + " in the log", "(" + sample.value + ")"}) {
      auto const found = find_sensitive(builtin_rules(), nullptr, text);
      ASSERT_EQ(found.size(), 1U) << sample.rule << ": " << text;
      EXPECT_EQ(found[0].kind, sample.rule);
      EXPECT_EQ(text.substr(found[0].begin, found[0].end - found[0].begin), sample.value);
    }
  }
}

TEST(TokenRules, find_nothing_in_what_only_begins_like_a_token) {
  for (auto const& sample : samples()) {
    if (sample.rule == "private_key" || sample.rule == "json_web_token") continue;
    auto const text = sample.value.substr(0, sample.value.size() / 4);
    for (auto const& finding : find_sensitive(builtin_rules(), nullptr, text))
      EXPECT_NE(finding.category, "secret") << sample.rule << ": " << text;
  }
}

TEST(TokenRules, leave_masked_values_and_documentation_alone) {
  for (auto const& text : {std::string("gh"
                                       "p_") +
                               std::string(36, 'x'),
                           "AKI"
                           "AIOSFODNN7" +
                               std::string("EXAMPLE"),
                           "xox"
                           "b-572370529330-573807301142-" +
                               std::string(20, '#')})
    EXPECT_TRUE(find_sensitive(builtin_rules(), nullptr, text).empty()) << text;
}

TEST(TokenRules, take_a_block_without_an_end_as_far_as_it_looks_like_a_key) {
  auto const block =
      "-----BEGIN "
      "PRIVATE KEY-----\n" +
      dummy(64) + "\n" + dummy(30);
  auto const found = find_sensitive(builtin_rules(), nullptr, block);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].end, block.size());
}

}  // namespace
}  // namespace dalsegno::vault
