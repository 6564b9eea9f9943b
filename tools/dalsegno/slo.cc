#include "dalsegno/try.h"
#include "tools/dalsegno/config_file.h"
#include "tools/dalsegno/forensics/burn_rate.h"
#include "tools/dalsegno/forensics/history.h"
#include "tools/dalsegno/forensics/objective.h"
#include "tools/dalsegno/forensics/percentile.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/slo_promises.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

using forensics::BurnOutcome;
using forensics::Measure;
using forensics::ObjectiveOutcome;

/// A promise and what became of it.
struct Outcome {
  Promise const* promise = nullptr;
  ObjectiveOutcome kept;
  BurnOutcome burnt;

  [[nodiscard]] bool is_kept() const { return kept.keeps(promise->objective); }
  [[nodiscard]] bool is_burning() const {
    return burnt.is_burning(promise->rule, promise->objective.share);
  }
};

struct Options {
  std::string config = "dalsegno.toml";
  std::string agent;
  std::string since;
};

constexpr std::size_t worst_sessions = 5;

/// The agents that are called by this model's name: their sessions cannot be told apart.
std::vector<std::string> agents_of(config::Config const& config, std::string const& model) {
  std::vector<std::string> names;
  for (auto const& [name, agent] : config.agents)
    if (agent.calls() == model) names.push_back(name);
  return names;
}

std::string seconds(std::chrono::microseconds duration) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(duration.count()) / 1e6);
  return text;
}

std::string percent(double share) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f%%", 100 * share);
  return text;
}

/// Without "rate" no share may be broken and some is.
Json as_json(forensics::Burn const& burn, std::chrono::microseconds window, double wanted_share) {
  Json out;
  out.set("window_us", std::int64_t{window.count()});
  out.set("judged", burn.judged).set("broken", burn.broken);
  if (auto const rate = burn.rate(wanted_share)) out.set("rate", *rate);
  return out;
}

Json burnt_json(Outcome const& outcome) {
  auto const& rule = outcome.promise->rule;
  auto const share = outcome.promise->objective.share;
  Json out;
  out.set("factor", rule.limit()).set("is_burning", outcome.is_burning());
  out.set("short", as_json(outcome.burnt.in_short, rule.short_window, share));
  out.set("long", as_json(outcome.burnt.in_long, rule.long_window, share));
  out.set("period", as_json(outcome.burnt.in_period, rule.period, share));
  if (auto const left = outcome.burnt.budget_left(share)) out.set("budget_left", *left);
  return out;
}

Json as_json(Outcome const& judged, std::vector<std::string> const& agents) {
  auto const& promise = *judged.promise;
  auto const& outcome = judged.kept;
  Json line;
  line.set("slo", promise.slo).set("agent", promise.agent).set("model", promise.model);
  line.set("agents_of_model", Json::Array(agents.begin(), agents.end()));
  line.set("measure", forensics::name_of(promise.objective.measure));
  if (promise.objective.measure != Measure::error)
    line.set("limit_us", std::int64_t{promise.objective.limit.count()});
  line.set("wanted_share", promise.objective.share).set("share", outcome.share());
  line.set("is_kept", outcome.keeps(promise.objective));
  line.set("kept", outcome.kept).set("late", outcome.late).set("pending", outcome.pending);
  line.set("unmeasured", outcome.unmeasured);
  line.set("measured", std::uint64_t{outcome.measured.size()});
  if (!outcome.measured.empty()) {
    auto const at = [&](double share) {
      return std::int64_t{forensics::percentile(outcome.measured, share).count()};
    };
    line.set("p50_us", at(0.5)).set("p95_us", at(0.95)).set("p99_us", at(0.99));
  }
  Json::Array worst;
  for (auto const& late : outcome.worst) {
    Json session;
    session.set("tenant", late.session.tenant).set("session", late.session.name);
    session.set("run", to_string(late.run)).set("sequence", late.turn);
    session.set("waited_us", std::int64_t{late.waited.count()})
        .set("turn", forensics::name_of(late.end));
    worst.push_back(std::move(session.set("late", late.late)));
  }
  line.set("burn", burnt_json(judged));
  return line.set("worst", std::move(worst));
}

std::string percentile_cell(ObjectiveOutcome const& outcome, double share) {
  if (outcome.measured.empty()) return "-";
  return seconds(forensics::percentile(outcome.measured, share));
}

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

std::string burn_cell(forensics::Burn const& burn, double wanted_share) {
  if (burn.judged == 0) return "-";
  auto const rate = burn.rate(wanted_share);
  return rate ? number(*rate) : "inf";
}

std::string outcome_cell(Outcome const& outcome) {
  if (outcome.kept.kept + outcome.kept.late == 0) return "nothing measured";
  std::string text = outcome.is_kept() ? "kept" : "broken";
  return outcome.is_burning() ? text + ", burning" : text;
}

void print_outcomes(Globals const& globals, std::vector<Outcome> const& outcomes) {
  Table table({"SLO",
               "AGENT",
               "MEASURE",
               "LIMIT S",
               "WANTED",
               "KEPT",
               "TURNS",
               "LATE",
               "PENDING",
               "UNMEASURED",
               "P50 S",
               "P95 S",
               "P99 S",
               "BURN SHORT",
               "BURN LONG",
               "ALARM ABOVE",
               "BUDGET LEFT",
               "OUTCOME"});
  for (auto const& judged : outcomes) {
    auto const& [promise, outcome, burnt] = judged;
    auto const turns = outcome.kept + outcome.late;
    auto const share = promise->objective.share;
    auto const left = burnt.budget_left(share);
    bool const is_well = judged.is_kept() && !judged.is_burning();
    table.add(
        {printable(promise->slo),
         printable(promise->agent),
         std::string(forensics::name_of(promise->objective.measure)),
         promise->objective.measure == Measure::error ? "-" : seconds(promise->objective.limit),
         percent(share),
         turns == 0 ? "-" : percent(outcome.share()),
         std::to_string(turns),
         std::to_string(outcome.late),
         std::to_string(outcome.pending),
         std::to_string(outcome.unmeasured),
         percentile_cell(outcome, 0.5),
         percentile_cell(outcome, 0.95),
         percentile_cell(outcome, 0.99),
         burn_cell(burnt.in_short, share),
         burn_cell(burnt.in_long, share),
         number(promise->rule.limit()),
         left && burnt.in_period.judged > 0 ? percent(*left) : "-",
         outcome_cell(judged)},
        is_well ? Style::plain : Style::bad);
  }
  table.print(globals);
  for (auto const& [promise, outcome, burnt] : outcomes)
    for (auto const& late : outcome.worst)
      print(
          "late: " + printable(promise->slo) + " " +
          std::string(forensics::name_of(promise->objective.measure)) + ": " +
          printable(to_string(late.session)) +
          (promise->objective.measure == Measure::recovery ? ", endpoint lost at " : ", turn at ") +
          std::to_string(late.turn) + ": " + seconds(late.waited) + " s, " +
          std::string(forensics::name_of(late.end)) +
          (late.late > 1 ? " (" + std::to_string(late.late) + " late)" : ""));
}

void say_what_is_shared(config::Config const& config, std::vector<Promise> const& promises) {
  std::set<std::string> models;
  for (auto const& promise : promises) models.insert(promise.model);
  for (auto const& model : models) {
    auto const agents = agents_of(config, model);
    if (agents.size() < 2) continue;
    std::string list;
    for (auto const& agent : agents) list += (list.empty() ? "" : ", ") + printable(agent);
    say("the sessions of the agents " + list + " are measured together: all have the model " +
        printable(model));
  }
}

Result<int> slo(Globals const& globals, Options const& options) {
  std::optional<Time> since;
  if (!options.since.empty()) {
    TRY(auto const cut, forensics::parse_cut(options.since));
    if (!cut.time)
      return Error{Errc::invalid,
                   "--since takes a time (2026-11-23T01:02:03Z), not the sequence " +
                       printable(options.since)};
    since = cut.time;
  }
  TRY(auto const config, read_config(options.config));
  TRY(auto promises, promises_of(config, options.config, options.agent, globals.now));
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, {}));
  Inspection inspection(store, promises, since);
  for (auto const& session : sessions) TRY_VOID(inspection.inspect(session));
  std::vector<Outcome> outcomes;
  bool is_well = true;
  for (auto& promise : promises) {
    auto kept = promise.check.finish(worst_sessions);
    auto const burnt = forensics::burn_of(kept.judged, globals.now, promise.rule);
    outcomes.push_back({&promise, std::move(kept), burnt});
    is_well = is_well && outcomes.back().is_kept() && !outcomes.back().is_burning();
    if (globals.json)
      print_json("dalsegno.slo", as_json(outcomes.back(), agents_of(config, promise.model)));
  }
  if (!globals.json) print_outcomes(globals, outcomes);
  say_what_is_shared(config, promises);
  for (auto const& broken : inspection.broken()) say_not_verified(broken);
  if (!inspection.broken().empty()) return exit_integrity;
  auto const rests = say_verified(store, inspection.steps());
  return rests != exit_fine || is_well ? rests : exit_findings;
}

}  // namespace

void add_slo(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("slo", "say whether what is promised of agents' answers was kept");
  verb->add_option("--config", options->config, "where the [slos.NAME] are [dalsegno.toml]");
  verb->add_option("--agent", options->agent, "only those of this agent [all]");
  verb->add_option("--since", options->since, "only turns that arrived at this time or later");
  verb->footer(
      "An agent's sessions are those of the workflow agent that were started with its model's "
      "name.\n"
      "Burn rates are those of the configuration's windows: an alarm is raised when both are above "
      "the\nfactor.\n"
      "Exit codes: 0 kept; 1 broken or burning; 2 the configuration or the store cannot be read, "
      "or nothing "
      "is\npromised; 3 a chain is broken.\n");
  verb->callback([options, &globals] { globals.exit_code = ended(slo(globals, *options)); });
}

}  // namespace dalsegno::command
