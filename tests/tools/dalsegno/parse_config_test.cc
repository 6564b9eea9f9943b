#include "tests/support/temporary_folder.h"
#include "tools/dalsegno/config/agent_setup.h"
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
error_share = 0.02
recovery_seconds = 30
windows = { short_seconds = 60, period_days = 7 }

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
  EXPECT_THAT(config->tools.at("search").server.process.command,
              ElementsAre("search-server", "--stdio"));
  EXPECT_EQ(config->agents.at("desk").checkpoint_every, 8U);
  auto const& slo = config->slos.at("desk");
  EXPECT_EQ(slo.share, 0.95);
  EXPECT_EQ(slo.error_share, 0.02);
  EXPECT_EQ(slo.recovery_seconds, 30);
  EXPECT_EQ(slo.windows.short_seconds, 60);
  EXPECT_EQ(slo.windows.long_seconds, 3'600);
  EXPECT_EQ(slo.windows.period_days, 7);
  EXPECT_FALSE(slo.windows.factor);
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
  std::string const promised =
      "[endpoints.e]\nurl = \"http://a\"\nmodel = \"m\"\n[models.m]\nendpoints = [\"e\"]\n"
      "[agents.a]\nmodel = \"m\"\n[slos.a]\nagent = \"a\"\n";
  EXPECT_EQ(refusal(promised), "accepted");
  EXPECT_EQ(refusal(promised + "error_share = 2\n"),
            "d.toml:10: slos.a.error_share is more than 1");
  EXPECT_EQ(refusal(promised + "windows = { short_seconds = 0 }\n"),
            "d.toml:10: slos.a.windows.short_seconds is not more than 0");
  EXPECT_EQ(refusal(promised + "windows = { long_seconds = 300 }\n"),
            "d.toml:10: slos.a.windows.long_seconds is not more than short_seconds");
  EXPECT_EQ(refusal(promised + "windows = { period_days = 0.01 }\n"),
            "d.toml:10: slos.a.windows.period_days is not longer than long_seconds");
  EXPECT_EQ(refusal("[tools.a]\n"), "d.toml:1: tools.a has not one of command and url");
  EXPECT_THAT(refusal("[routes.r]\nmodels = []\n"), HasSubstr("d.toml:1: route r: has no models"));
}

TEST(Config, of_nothing_is_empty) { EXPECT_TRUE(parse_config("", "d.toml")); }

TEST(AgentSetup, of_an_agent_have_the_key_that_the_environment_holds) {
  auto const config = parse_config(whole, "d.toml").value();
  ::unsetenv("DALSEGNO_CONFIG_TEST_KEY");
  EXPECT_EQ(set_up(config, "desk").error().detail,
            "endpoint first: env:DALSEGNO_CONFIG_TEST_KEY: there is no such variable");
  ::setenv("DALSEGNO_CONFIG_TEST_KEY", "sk-test-0123456789", 1);
  auto const setup = set_up(config, "desk");
  ::unsetenv("DALSEGNO_CONFIG_TEST_KEY");
  ASSERT_TRUE(setup) << setup.error().detail;
  EXPECT_EQ(setup->name, "small");
  auto const& options = setup->models.at("small");
  ASSERT_EQ(options.endpoints.size(), 1U);
  EXPECT_EQ(options.endpoints[0].api_key, "sk-test-0123456789");
  EXPECT_EQ(options.temperature, 0.2);
  EXPECT_EQ(options.max_tokens, 500U);
  ASSERT_TRUE(options.price);
  EXPECT_EQ(options.price->cached_usd, 0.05);
  ASSERT_EQ(setup->tools.size(), 1U);
  EXPECT_EQ(setup->tools[0].name, "search");
  EXPECT_EQ(setup->risk, Risk::undeclared) << "nobody says what its tools can do";
  EXPECT_EQ(set_up(config, "dask").error().detail, "there is no agent dask; did you mean desk?");
}

TEST(Config, says_what_is_known_of_tools) {
  auto const config = parse_config(R"([tools.files]
command = ["files", "/srv"]
prefix = "files_"
only = ["read", "write"]
inherits = ["HTTP_PROXY"]
environment = { MODE = "strict", KEY = "env:DALSEGNO_CONFIG_TEST_KEY" }
risk = "read"
untrusted = false
effect = "idempotent"
preview_beyond_bytes = 4096
volatile_members = ["request_id"]
[tools.files.each.write]
risk = "write"
effect = "at_most_once"
[tools.plain]
url = "https://tools.example.com/mcp"
token = "file:/run/secrets/tools"
normalize = false
)",
                                   "d.toml");
  ASSERT_TRUE(config) << config.error().detail;
  auto const& [server, variables, token, limits] = config->tools.at("files");
  EXPECT_EQ(server.prefix, "files_");
  EXPECT_THAT(server.only, ElementsAre("read", "write"));
  EXPECT_THAT(server.process.environment, ElementsAre(testing::Pair("MODE", "strict")));
  EXPECT_TRUE(variables.contains("KEY"));
  EXPECT_EQ(server.every_tool.risk, Risk::read);
  EXPECT_FALSE(server.every_tool.untrusted);
  EXPECT_EQ(server.every_tool.effect, EffectClass::idempotent);
  auto const& write = server.each_tool.at("write");
  EXPECT_EQ(write.risk, Risk::write);
  EXPECT_FALSE(write.untrusted) << "what is said of all tools holds where nothing else is said";
  EXPECT_EQ(write.effect, EffectClass::at_most_once);
  ASSERT_TRUE(server.normal_answers);
  EXPECT_EQ(server.normal_answers->preview_beyond_bytes, 4096U);
  auto const& plain = config->tools.at("plain");
  EXPECT_FALSE(plain.server.normal_answers);
  EXPECT_EQ(plain.token, (SecretReference{SecretReference::Kind::file, "/run/secrets/tools"}));
  EXPECT_TRUE(plain.server.every_tool.untrusted);
  EXPECT_EQ(plain.server.every_tool.effect, EffectClass::at_most_once);
}

TEST(Config, makes_tools_of_requests_and_of_openapi_documents) {
  test::TemporaryFolder const folder;
  auto const document = (folder.path() / "shop.json").string();
  std::ofstream(document) << R"({"openapi":"3.0.0","servers":[{"url":"https://shop.example.com"}],
    "paths":{"/orders":{"get":{"operationId":"orders"},"post":{"operationId":"order"}}}})";
  auto const text = R"([endpoints.a]
url = "http://127.0.0.1:1/v1"
model = "m"
[models.m]
endpoints = ["a"]
[http_tools.weather]
url = "https://weather.example.com/{city}"
description = "Tells the weather"
parameters = '{"type":"object","properties":{"city":{"type":"string"},"day":{}}}'
in_headers = ["day"]
headers = { Accept = "text/plain", X-Key = "env:DALSEGNO_CONFIG_TEST_KEY" }
risk = "read"
effect = "idempotent"
[openapi.shop]
file = ")" + document +
                    R"("
only = ["order"]
[openapi.shop.each.order]
risk = "money"
[agents.desk]
model = "m"
tools = ["weather", "shop"]
)";
  auto const config = parse_config(text, "d.toml");
  ASSERT_TRUE(config) << config.error().detail;
  ::setenv("DALSEGNO_CONFIG_TEST_KEY", "0123456789", 1);
  auto const setup = set_up(*config, "desk");
  ::unsetenv("DALSEGNO_CONFIG_TEST_KEY");
  ASSERT_TRUE(setup) << setup.error().detail;
  ASSERT_EQ(setup->services.size(), 2U);
  auto const& weather = setup->services[0];
  EXPECT_EQ(weather.tools.at(0).places.at("day"), tools::HttpPlace::header);
  EXPECT_EQ(weather.headers.at(0).name, "Accept");
  EXPECT_EQ(weather.secrets.at(0).value, "0123456789");
  auto const& order = setup->services[1].tools;
  ASSERT_EQ(order.size(), 1U);
  EXPECT_EQ(order[0].url, "https://shop.example.com/orders");
  EXPECT_EQ(setup->risk, Risk::money);
  EXPECT_THAT(refusal("[http_tools.a]\nurl = \"http://a\"\nparameters = \"{\"\n"),
              HasSubstr("d.toml:3: http_tools.a.parameters is no JSON"));
  EXPECT_EQ(refusal("[openapi.a]\n"), "d.toml:1: openapi.a has no file");
  EXPECT_THAT(refusal("[tools.a]\ncommand=[\"x\"]\n[http_tools.a]\nurl = \"http://a\"\n"),
              HasSubstr("tools.a: another tool has this name"));
}

TEST(Config, limits_of_tools_are_those_of_a_queue_that_takes_their_calls_and_no_others) {
  auto const config = parse_config(R"([http_tools.slow]
url = "http://far.example/slow"
concurrency = 2
rate = 5
rate_seconds = 0.5
[http_tools.free]
url = "http://far.example/free"
[tools.files]
command = ["files"]
concurrency = 1
[endpoints.e]
url = "http://a"
model = "m"
[models.m]
endpoints = ["e"]
[agents.desk]
model = "m"
tools = ["slow", "files", "free"]
)",
                                   "d.toml");
  ASSERT_TRUE(config) << config.error().detail;
  auto const setup = set_up(*config, "desk");
  ASSERT_TRUE(setup) << setup.error().detail;
  ASSERT_EQ(setup->service_limits.size(), 2U);
  ASSERT_EQ(setup->tool_limits.size(), 1U);
  auto const queue = queue_of(setup->service_limits[0], {{.name = "slow"}});
  ASSERT_TRUE(queue);
  EXPECT_EQ(queue->name, "tools.slow");
  EXPECT_THAT(queue->calls, ElementsAre("tool/slow"));
  EXPECT_EQ(queue->concurrency, 2U);
  EXPECT_EQ(queue->rate.calls, 5U);
  EXPECT_EQ(queue->rate.window, std::chrono::milliseconds(500));
  EXPECT_FALSE(queue_of(setup->service_limits[1], {{.name = "free"}}));
  EXPECT_FALSE(queue_of(setup->tool_limits[0], {})) << "without tools there is nothing to wait";
  auto const files = queue_of(setup->tool_limits[0], {{.name = "read"}, {.name = "write"}});
  EXPECT_THAT(files->calls, ElementsAre("tool/read", "tool/write"));
  EXPECT_EQ(files->rate.calls, 0U);
  auto const one = queue_of({std::string(90, 'x') + "1", {.concurrency = 1}}, {{.name = "a"}});
  auto const other = queue_of({std::string(90, 'x') + "2", {.concurrency = 1}}, {{.name = "b"}});
  EXPECT_EQ(one->name.size(), 64U);
  EXPECT_NE(one->name, other->name);
}

TEST(Config, refuses_limits_with_which_no_call_could_be_made) {
  std::string const tool = "[http_tools.a]\nurl = \"http://a\"\n";
  EXPECT_EQ(refusal(tool + "concurrency = 0\n"),
            "d.toml:3: http_tools.a.concurrency is 0, so no call could be made");
  EXPECT_EQ(refusal(tool + "rate = 0\n"),
            "d.toml:3: http_tools.a.rate is 0, so no call could be made");
  EXPECT_EQ(refusal(tool + "rate_seconds = 2\n"),
            "d.toml:3: http_tools.a.rate_seconds is there without rate");
  EXPECT_EQ(refusal(tool + "rate = 1\nrate_seconds = 0\n"),
            "d.toml:4: http_tools.a.rate_seconds is not between 0.001 and 86400");
}

TEST(Config, refuses_what_cannot_be_known_of_tools) {
  EXPECT_EQ(refusal("[tools.a]\ncommand = [\"x\"]\neffect = \"reconcilable\"\n"),
            "d.toml:3: tools.a.effect is neither \"idempotent\" nor \"at_most_once\"");
  EXPECT_EQ(refusal("[tools.a]\ncommand = [\"x\"]\n[tools.a.each.b]\nrisk = \"none\"\n"),
            "d.toml:4: tools.a.each.b.risk is none of read, write, destructive, money, external");
  EXPECT_EQ(refusal("[tools.a]\nurl = \"https://a.example.com\"\ntoken = \"secret\"\n"),
            "d.toml:3: tools.a.token must say where the token is, env:NAME or file:PATH, not the "
            "token itself");
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
