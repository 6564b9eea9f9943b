// Policy: how long a decision takes with its record, and how fast a store's decisions are made
// again.

#include "engine/policy/policy.h"

#include "bench/figure.h"
#include "bench/workload.h"
#include "engine/policy/recorded.h"
#include "storage/event/codec.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tools/dalsegno/forensics/decisions.h"

#include <random>
#include <stdexcept>
#include <string>

namespace dalsegno::bench {

namespace {

std::string number(std::size_t value) { return std::to_string(value); }

/// A rule as desks write them: most about a tool and its arguments, some about families of tools,
/// principals, or everything.
std::string rule(std::size_t i) {
  auto const head = "{\"id\": \"rule-" + number(i) + "\", \"reason\": \"because\", \"actions\": ";
  switch (i % 10) {
    case 0:
      return head + R"(["tool.call"], "effect": "forbid", "resources": ["family)" + number(i) +
             R"(_*"], "when": {"argument": "/arguments/amount", "gt": 1000}})";
    case 1:
      return head + R"(["tool.call"], "effect": "permit", "resources": ["family)" + number(i) +
             R"(_*"]})";
    case 2:
      return head +
             R"(["tool.call", "model.call"], "effect": "permit", "principals": {"ids": ["user-)" +
             number(i) + R"("]}})";
    case 3:
      return head + R"(["tool.call"], "effect": "forbid", "resources": ["tool-)" + number(i - 3) +
             R"("], "when": {"attribute": "risk", "in": ["money", "destructive"]}})";
    default:
      return head + R"(["tool.call"], "effect": "permit", "resources": ["tool-)" + number(i) +
             R"(", "tool-)" + number(i - i % 10) +
             R"("], "when": {"all": [{"argument": "/arguments/amount", "le": 500}, {"argument": "/arguments/to", "prefix": "acct-"}]}})";
  }
}

engine::PolicySet policy_of(std::size_t rules) {
  std::string text = R"({"dalsegno_policy": 1, "rules": [
    {"id": "night", "effect": "forbid", "actions": ["tool.call"], "resources": ["*_payment"],
     "when": {"time": {"from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}}})";
  for (std::size_t i = 1; i < rules; ++i) text += ",\n" + rule(i);
  auto policy = engine::PolicySet::parse(text + "]}", "bench");
  if (!policy) throw std::runtime_error(policy.error().detail);
  return std::move(*policy);
}

/// The event as it is written: in a step of its own, hashed.
std::size_t encoded(storage::PolicyDecided decided) {
  storage::Step step;
  step.header.session = {"default", "bench"};
  step.events.push_back({1, OperationId{1}, std::move(decided)});
  auto const bytes = storage::encode(step);
  if (!bytes) throw std::runtime_error(bytes.error().detail);
  return bytes->bytes.size();
}

std::vector<Figure> measure_decisions(std::size_t rules, std::string const& name) {
  constexpr std::size_t turns = 200'000;
  auto const policy = policy_of(rules);
  engine::PolicyTime const ambient(Time(std::chrono::seconds(1'795'348'800)));
  std::mt19937 random(7);
  std::vector<std::string> tools;
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < 1'000; ++i) {
    auto const which = random() % rules;
    tools.push_back(i % 5 == 0 ? "family" + number(which - which % 10) + "_x"
                               : "tool-" + number(which));
    arguments.push_back(
        R"({"id": "call_)" + number(i) + R"(", "arguments": {"amount": )" +
        number(random() % 1'000) + R"(, "to": "acct-)" + number(random()) +
        R"(", "memo": "for the second half of November", "urgent": false}, "message": 7, "call": 0})");
  }
  std::vector<engine::Attribute> const attributes = {{"risk", "write"}};
  std::vector<double> alone;
  std::vector<double> with_record;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < turns; ++i) {
    auto const& tool = tools[i % tools.size()];
    engine::PolicyRequest const request{
        .principal = {.kind = "workflow", .id = "user-42", .tenant = "default"},
        .action = "tool.call",
        .resource = tool,
        .session = "bench",
        .workflow = "agent",
        .attempt = 1,
        .attributes = attributes,
        .arguments = arguments[i % arguments.size()]};
    auto const start = Clock::now();
    auto decision = policy.decide(request, ambient);
    alone.push_back(microseconds_since(start));
    bytes += encoded(engine::to_event(policy, request, std::move(decision)));
    with_record.push_back(microseconds_since(start));
  }
  return {{name, quantile(alone, 0.5), "us", {}},
          {name + "_p99", quantile(alone, 0.99), "us", {}},
          {name + "_recorded", quantile(with_record, 0.5), "us", {}},
          {name + "_recorded_p99", quantile(with_record, 0.99), "us", {}},
          {name + "_step", static_cast<double>(bytes) / static_cast<double>(turns), "B", {}}};
}

/// Decisions a second that are read from a store, verified, and made again.
std::vector<Figure> measure_replay(std::filesystem::path const& folder) {
  constexpr std::size_t sessions = 50;
  {
    Running running(folder / "store");
    run_steps(running.engine(), "policy-", sessions, {2'000, 200, 0, 0});
  }
  auto const log = storage::open_rocksdb_for_reading(folder / "store");
  if (!log) throw std::runtime_error(log.error().detail);
  auto const policy = engine::PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "echo", "effect": "permit", "actions": ["activity.call"], "resources": ["echo"],
     "when": {"argument": "/bytes", "le": 1000}},
    {"id": "all", "effect": "forbid", "actions": ["*"], "when": {"time": {"before": "2000-01-01T00:00:00Z"}}}]})");
  std::uint64_t permitted = 0;
  std::uint64_t unknown = 0;
  std::uint64_t decisions = 0;
  auto const judge = [&](forensics::StoredDecision const& stored) {
    auto const again = engine::decide_again(*policy, stored.decided, stored.context);
    permitted += again.decision.permitted ? 1 : 0;
    unknown += again.unknown.empty() ? 0 : 1;
  };
  auto const start = Clock::now();
  for (std::size_t i = 0; i < sessions; ++i) {
    auto const read = forensics::visit_decisions(**log, {"bench", "policy-" + number(i)}, judge);
    if (!read || read->broken) throw std::runtime_error("the store does not verify");
    decisions += read->decisions;
  }
  auto const seconds = microseconds_since(start) / 1e6;
  if (permitted != decisions || unknown > 0) throw std::runtime_error("decided otherwise");
  return {{"policy_replay", static_cast<double>(decisions) / seconds, "decisions/s", {}}};
}

}  // namespace

Benchmark policy_decision() {
  return {"policy_decision", [](std::filesystem::path const&) {
            auto out = measure_decisions(100, "policy_decision_100");
            for (auto& figure : measure_decisions(10'000, "policy_decision_10k"))
              out.push_back(std::move(figure));
            return out;
          }};
}
Benchmark policy_replay() { return {"policy_replay", measure_replay}; }

}  // namespace dalsegno::bench
