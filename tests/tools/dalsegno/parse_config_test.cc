#include "tests/support/temporary_folder.h"
#include "tools/dalsegno/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace dalsegno::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view whole = R"(
[endpoints.first]
url = "http://127.0.0.1:8000/v1"
model = "small-8b"
api_key = "env:DALSEGNO_CONFIG_TEST_KEY"
weight = 2

[endpoints.second]
url = "https://api.example.com/v1"
model = "large-70b"
dialect = "messages"

[models.small]
endpoints = ["first"]
tier = 1
context_tokens = 32000
data_classes = ["public", "internal"]
temperature = 0.2
max_tokens = 500

[models.large]
endpoints = ["second"]
tier = 2

[prices.small]
input = 0.5
cached = 0.05
output = 1.5

[routes.desk]
models = ["small", "large"]
floors = { money = 2 }
bands = [{ from = 0, tier = 1 }, { from = 0.6, tier = 2 }]
raises = { failure = 0.2 }
calls_ahead = 6

[tools.search]
command = ["search-server", "--stdio"]

[agents.desk]
model = "small"
system = "Be brief."
checkpoint_every = 8
tools = ["search"]

[slos.desk]
agent = "desk"
first_token_seconds = 2
share = 0.95

[budgets.session]
soft_usd = 0.5
hard_usd = 1
)";

std::string refusal(std::string_view text) {
  auto const config = parse_config(text, "d.toml");
  return config ? "accepted" : config.error().detail;
}

TEST(Config, says_who_serves_what_at_what_price) {
  auto const config = parse_config(whole, "d.toml");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->endpoints.at("first").endpoint.weight, 2);
  EXPECT_EQ(config->endpoints.at("first").api_key,
            (SecretReference{SecretReference::Kind::environment, "DALSEGNO_CONFIG_TEST_KEY"}));
  EXPECT_EQ(config->endpoints.at("second").endpoint.dialect, model::Dialect::messages);
  EXPECT_EQ(config->models.at("small").candidate.cached_usd, 0.05);
  auto const& route = config->routes.at("desk");
  ASSERT_EQ(route.candidates.size(), 2U);
  EXPECT_EQ(route.candidates[0].input_usd, 0.5);
  EXPECT_EQ(route.candidates[0].context_tokens, 32'000U);
  EXPECT_EQ(route.candidates[1].tier, 2U);
  EXPECT_EQ(route.floors.at(Risk::money), 2U);
  EXPECT_EQ(route.bands[1].from, 0.6);
  EXPECT_EQ(route.raises.failure, 0.2);
  EXPECT_EQ(route.raises.repetition, 0.1);
  EXPECT_EQ(route.calls_ahead, 6);
  EXPECT_THAT(config->tools.at("search").command, ElementsAre("search-server", "--stdio"));
  EXPECT_EQ(config->agents.at("desk").checkpoint_every, 8U);
  EXPECT_EQ(config->slos.at("desk").share, 0.95);
  auto const& session = config->budgets.by_kind.at(activities::BudgetKind::session);
  EXPECT_EQ(session.hard, activities::MicroUsd{1'000'000});
  EXPECT_EQ(session.soft, activities::MicroUsd{500'000});
}

TEST(Config, refuses_unknown_keys_with_their_line_and_the_nearest_name) {
  EXPECT_EQ(refusal("[endpoint.first]\nurl = \"http://a\"\n"),
            "d.toml:1: there is no key endpoint; did you mean endpoints?");
  EXPECT_EQ(refusal("[tools.a]\ncommand = [\"x\"]\nulr = \"http://a\"\n"),
            "d.toml:3: there is no key ulr in tools.a; did you mean url?");
  EXPECT_EQ(refusal("[endpoints.a]\nurl = \"http://a\"\nmodel = \"m\"\n"
                    "[models.a]\nendpoints = [\"a\"]\n"
                    "[routes.r]\nmodels = [\"a\"]\nfloors = { mony = 1 }\n"),
            "d.toml:8: there is no key mony in routes.r.floors; did you mean money?");
}

TEST(Config, refuses_names_that_nothing_has) {
  EXPECT_EQ(refusal("[endpoints.first]\nurl = \"http://a\"\nmodel = \"m\"\n"
                    "[models.m]\nendpoints = [\"frist\"]\n"),
            "d.toml:4: models.m.endpoints: there is no endpoint frist; did you mean first?");
  EXPECT_EQ(refusal("[agents.a]\nmodel = \"m\"\n"),
            "d.toml:1: agents.a.model: there is no model m");
  EXPECT_EQ(refusal("[slos.a]\nagent = \"b\"\n"), "d.toml:1: slos.a.agent: there is no agent b");
}

TEST(Config, refuses_a_literal_secret_and_does_not_repeat_it) {
  std::string const text =
      "[endpoints.a]\nurl = \"http://a\"\nmodel = \"m\"\napi_key = \"sk-0123\"\n";
  EXPECT_THAT(refusal(text), HasSubstr("d.toml:4: endpoints.a.api_key must say where the key is"));
  EXPECT_THAT(refusal(text), Not(HasSubstr("sk-0123")));
  EXPECT_THAT(refusal("[endpoints.a]\nurl = \"http://me:sk-0123@a/v1\"\nmodel = \"m\"\n"),
              HasSubstr("d.toml:2: endpoints.a.url holds a user or password"));
}

TEST(Config, refuses_values_that_are_wrong_with_their_line) {
  EXPECT_EQ(refusal("a = "), "d.toml:1: " + refusal("a = ").substr(10));
  EXPECT_EQ(refusal("endpoints = 7"), "d.toml:1: endpoints is no table");
  EXPECT_EQ(refusal("[budgets.tenant]\nhard_usd = -1\n"),
            "d.toml:2: budgets.tenant.hard_usd is no number from 0");
  EXPECT_EQ(refusal("[budgets.tenant]\nhard_usd = inf\n"),
            "d.toml:2: budgets.tenant.hard_usd is no number from 0");
  EXPECT_EQ(refusal("[tools.a]\n"), "d.toml:1: tools.a has not one of command and url");
  EXPECT_THAT(refusal("[routes.r]\nmodels = []\n"), HasSubstr("d.toml:1: route r: has no models"));
}

TEST(Config, of_nothing_is_empty) { EXPECT_TRUE(parse_config("", "d.toml")); }

TEST(ModelOptions, of_an_agent_have_the_key_that_the_environment_holds) {
  auto const config = parse_config(whole, "d.toml").value();
  ::unsetenv("DALSEGNO_CONFIG_TEST_KEY");
  EXPECT_EQ(model_options_of(config, "desk").error().detail,
            "endpoint first: env:DALSEGNO_CONFIG_TEST_KEY: there is no such variable");
  ::setenv("DALSEGNO_CONFIG_TEST_KEY", "sk-test-0123456789", 1);
  auto const options = model_options_of(config, "desk");
  ::unsetenv("DALSEGNO_CONFIG_TEST_KEY");
  ASSERT_TRUE(options) << options.error().detail;
  ASSERT_EQ(options->endpoints.size(), 1U);
  EXPECT_EQ(options->endpoints[0].api_key, "sk-test-0123456789");
  EXPECT_EQ(options->temperature, 0.2);
  EXPECT_EQ(options->max_tokens, 500U);
  EXPECT_EQ(model_options_of(config, "dask").error().detail,
            "there is no agent dask; did you mean desk?");
}

TEST(SecretReference, names_a_variable_or_a_file) {
  EXPECT_FALSE(parse_secret_reference("sk-0123"));
  EXPECT_FALSE(parse_secret_reference("env:"));
  test::TemporaryFolder const folder;
  auto const file = folder.path() / "key";
  std::ofstream(file) << "sk-from-a-file\r\nmore\n";
  EXPECT_EQ(fetch(*parse_secret_reference("file:" + file.string())).value(), "sk-from-a-file");
  EXPECT_EQ(fetch({SecretReference::Kind::file, (folder.path() / "none").string()}).error().code,
            Errc::not_found);
  std::ofstream(file, std::ios::trunc) << "\n";
  EXPECT_EQ(fetch({SecretReference::Kind::file, file.string()}).error().code, Errc::invalid);
}

RC_GTEST_PROP(Config, is_read_or_refused_whatever_is_cut_off, ()) {
  auto const size = *rc::gen::inRange<std::size_t>(0, whole.size());
  auto const config = parse_config(whole.substr(0, size), "d.toml");
  if (!config) RC_ASSERT(config.error().detail.starts_with("d.toml:"));
}

}  // namespace
}  // namespace dalsegno::config
