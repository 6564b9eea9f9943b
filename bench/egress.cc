// What it costs to decide where a request may go, without asking a resolver.

#include "activities/http/connect_policy.h"
#include "activities/http/egress_rules.h"
#include "bench/figure.h"
#include "dalsegno/json.h"
#include "engine/policy/recorded.h"
#include "engine/runtime/attempt_scope.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::bench {

namespace {

/// 200 rules: names, suffixes, and the public internet at one port.
http::EgressRules make_rules() {
  Json::Array rules;
  for (int i = 0; i < 199; ++i) {
    auto const name = (i % 4 == 0 ? "*.zone-" : "api-") + std::to_string(i) + ".example.com";
    rules.push_back(Json().set("id", "rule-" + std::to_string(i)).set("hosts", Json::Array{name}));
  }
  rules.push_back(
      Json().set("id", "all").set("hosts", Json::Array{"*"}).set("ports", Json::Array{443}));
  auto parsed = http::EgressRules::parse(
      to_string(Json().set("dalsegno_egress", 1).set("rules", std::move(rules))));
  if (!parsed) throw std::runtime_error(parsed.error().detail);
  return *parsed;
}

engine::PolicySet make_policy() {
  auto parsed = engine::PolicySet::parse(R"({"dalsegno_policy":1,"rules":[
      {"id":"calls","effect":"permit","actions":["activity.call"]},
      {"id":"net","effect":"permit","actions":["net.connect"]},
      {"id":"no-plain","effect":"forbid","actions":["net.connect"],
       "when":{"attribute":"scheme","eq":"http"}},
      {"id":"no-admin","effect":"forbid","actions":["net.connect"],
       "when":{"attribute":"path","prefix":"/admin"}}]})");
  if (!parsed) throw std::runtime_error(parsed.error().detail);
  return *parsed;
}

/// An attempt of http.request that the policy permits.
engine::StartAttempt make_attempt(engine::PolicySet const& policy) {
  engine::PolicyRequest const request{
      .principal = {.kind = "workflow", .id = "ann", .tenant = "bench"},
      .action = "activity.call",
      .resource = "http.request",
      .session = "s",
      .workflow = "w",
      .attempt = 1};
  auto decided =
      engine::to_event(policy, request, policy.decide(request, engine::PolicyTime(Time(), {})));
  auto const permit = engine::Permit::from({}, OperationId{1}, decided);
  if (!permit) throw std::runtime_error("egress_decision_policy: the call is denied");
  return {.permit = *permit,
          .session = {.tenant = "bench", .name = "s"},
          .run = {},
          .operation = OperationId{1},
          .attempt = 1,
          .name = "http.request",
          .input = std::make_shared<std::string const>("{}"),
          .input_digest = {},
          .workflow = "w",
          .decision = std::move(decided)};
}

constexpr std::string_view urls[] = {"https://api-17.example.com/v1/items?limit=10&after=abcdef",
                                     "https://a.b.zone-40.example.com/v1/chat/completions",
                                     "https://www.example.org:443/some/path/to/a/page.html",
                                     "https://10.1.2.3/",
                                     "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
                                     "http://169.254.169.254/latest/meta-data/",
                                     "https://evil.test@api-17.example.com/",
                                     "https://api-17.example.com:8443/x"};

/// The time of each of many calls of `decide` with one URL after the other, in microseconds.
template <class Decide>
std::vector<Figure> measure(std::string const& name, Decide decide) {
  constexpr int rounds = 25'000;
  std::vector<double> samples;
  samples.reserve(rounds * std::size(urls));
  int permitted = 0;
  for (int round = 0; round < rounds; ++round)
    for (auto const url : urls) {
      auto const start = Clock::now();
      permitted += decide(url) ? 1 : 0;
      samples.push_back(microseconds_since(start));
    }
  if (permitted != 4 * rounds) throw std::runtime_error("egress_decision: decided wrongly");
  return {{name + "_p50", quantile(samples, 0.5), "us", {}},
          {name + "_p99", quantile(samples, 0.99), "us", {}}};
}

std::vector<Figure> measure_all(std::filesystem::path const&) {
  auto const rules = make_rules();
  auto const decide = [&](std::string_view url) {
    auto const plan = http::DialPlan::parse(url);
    return plan && rules.decide(*plan).permitted;
  };
  auto figures = measure("egress_decision", decide);
  auto const set = make_policy();
  auto const attempt = make_attempt(set);
  std::function<Time()> const now = [] { return Time(); };
  engine::AttemptScope scope(attempt, set, now, nullptr);
  auto const context = scope.context();
  auto const policy = http::connect_policy(context);
  auto const address = *http::parse_address("93.184.215.14");
  auto const with_policy = [&](std::string_view url) {
    auto const plan = http::DialPlan::parse(url);
    if (!plan || !rules.decide(*plan).permitted) return false;
    return policy({.plan = *plan, .method = "GET", .address = address})->permitted;
  };
  for (auto& figure : measure("egress_decision_policy", with_policy)) figures.push_back(figure);
  return figures;
}

}  // namespace

Benchmark egress_decision() { return {"egress_decision", measure_all}; }

}  // namespace dalsegno::bench
