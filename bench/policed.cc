// What policy and redaction cost whole sessions: the recorded conversations, under 40 rules with
// redaction on, against the same with one rule and without.

#include "activities/model/recorded.h"
#include "activities/model/transcript.h"
#include "bench/figure.h"
#include "dalsegno/agent.h"
#include "engine/runtime/engine.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "storage/vault/redaction.h"
#include "tests/support/shared_data.h"
#include "tools/dalsegno/conversations.h"

#include <array>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view one_rule = R"({"dalsegno_policy": 1, "name": "one rule", "rules": [
  {"id": "all", "effect": "permit", "actions": ["model.call", "tool.call"]}]})";

/// 40 rules, of which a call meets about ten: permits and forbids by tool, by argument and by
/// count.
std::string forty_rules() {
  std::string text = R"({"dalsegno_policy": 1, "name": "forty rules", "rules": [
  {"id": "model", "effect": "permit", "actions": ["model.call"]},
  {"id": "tools", "effect": "permit", "actions": ["tool.call"], "resources": ["*"]},
  {"id": "many", "effect": "forbid", "actions": ["tool.call"],
   "when": {"not": {"counter": {"per": "session"}, "below": 10000}}})";
  constexpr std::array<std::string_view, 5> tools{
      "get_*", "book_reservation", "update_*", "cancel_reservation", "send_certificate"};
  for (int i = 0; i < 37; ++i) {
    auto const number = std::to_string(i);
    text += ",\n  {\"id\": \"r" + number +
            "\", \"effect\": \"forbid\", \"actions\": [\"tool.call\"], " + "\"resources\": [\"" +
            std::string(tools[static_cast<std::size_t>(i) % tools.size()]) +
            "\"], \"when\": {\"all\": [{\"argument\": \"/arguments/note" + number +
            "\", \"exists\": true}, {\"argument\": \"/arguments/note" + number +
            "\", \"eq\": \"never\"}]}}";
  }
  return text + "]}";
}

std::vector<activities::Script> scripts_of(std::filesystem::path const& file) {
  auto transcripts = activities::read_transcripts(file);
  if (!transcripts) throw std::runtime_error(transcripts.error().detail);
  std::vector<activities::Script> scripts;
  for (auto const& transcript : transcripts->transcripts) {
    if (auto script = activities::make_script(transcript)) scripts.push_back(std::move(*script));
  }
  return scripts;
}

/// Durable steps a second, all sessions begun to all sessions over.
double steps_per_second(std::filesystem::path const& folder,
                        std::vector<activities::Script> scripts,
                        std::string_view policy,
                        bool redacted) {
  storage::RocksDbOptions how;
  how.ballast_bytes = 0;
  auto log = storage::open_rocksdb(folder, std::move(how));
  if (!log) throw std::runtime_error(log.error().detail);
  auto keys = vault::MasterKeys::random();
  if (!keys) throw std::runtime_error(keys.error().detail);
  auto redaction = vault::Redaction::open(**log, std::move(*keys));
  if (!redaction) throw std::runtime_error(redaction.error().detail);
  std::vector<std::string> names;
  for (auto& script : scripts) {
    if (redacted) activities::redact(script, (*redaction)->redactor());
    names.push_back(script.session);
  }
  activities::RecordedFarSide const far_side(std::move(scripts));
  std::vector<activities::Script const*> served;
  served.reserve(names.size());
  for (auto const& name : names) served.push_back(far_side.find(name));
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  far_side.serve(registry);
  auto rules = engine::PolicySet::parse(policy);
  if (!rules) throw std::runtime_error(rules.error().detail);
  std::size_t steps = 0;
  engine::EngineOptions options;
  options.shards = 2;
  if (redacted) options.intake = &(*redaction)->intake();
  options.on_durable = [&steps](SessionId const&, auto) { ++steps; };
  auto engine = engine::Engine::start(**log, registry, std::move(*rules), std::move(options));
  if (!engine) throw std::runtime_error(engine.error().detail);
  auto const begun = Clock::now();
  command::ConversationOptions conversation;
  conversation.parallel = 64;
  command::Conversations conversations(**engine, **log, std::move(served), conversation);
  for (;;) {
    auto const progress = conversations.step(200ms);
    for (auto const& outcome : progress.news) {
      if (outcome.kind != command::ConversationOutcome::Kind::completed)
        throw std::runtime_error(outcome.session + ": " + outcome.what);
    }
    if (progress.all_over) break;
  }
  auto const took = microseconds_since(begun) / 1e6;
  (*engine)->stop();
  return static_cast<double>(steps) / took;
}

std::vector<Figure> measure(std::filesystem::path const& folder) {
  auto const data = test::shared_data("taubench");
  if (!data) {
    std::cerr << "bench: policed_sessions skipped: there is no ../shared/data/taubench\n";
    return {};
  }
  auto const scripts = scripts_of(*data / "gpt-4o-airline.tasks0-27.jsonl");
  auto const rules = forty_rules();
  // In turns, as the disk's pace changes from second to second.
  std::vector<double> without;
  std::vector<double> with;
  constexpr int rounds = 9;
  for (int round = 0; round < rounds; ++round) {
    auto const number = std::to_string(round);
    without.push_back(steps_per_second(folder / ("without" + number), scripts, one_rule, false));
    with.push_back(steps_per_second(folder / ("with" + number), scripts, rules, true));
  }
  return {{"policed_sessions", quantile(with, 0.5), "steps/s", quantile(without, 0.5)}};
}

}  // namespace

Benchmark policed_sessions() { return {"policed_sessions", measure}; }

}  // namespace dalsegno::bench
