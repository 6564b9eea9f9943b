#include "dalsegno/agent.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/policy/nearest.h"
#include "storage/event/copied.h"
#include "tools/dalsegno/config/names.h"
#include "tools/dalsegno/config_file.h"
#include "tools/dalsegno/forensics/model_calls.h"
#include "tools/dalsegno/forensics/objective.h"
#include "tools/dalsegno/forensics/percentile.h"
#include "tools/dalsegno/forensics/turns.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
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

using forensics::Objective;
using forensics::ObjectiveCheck;
using forensics::ObjectiveOutcome;
using forensics::TurnMeasure;

struct Options {
  std::string config = "dalsegno.toml";
  std::string agent;
  std::string since;
};

constexpr std::size_t worst_sessions = 5;

/// One of the things that an SLO promises, as it is checked.
struct Promise {
  std::string slo;
  std::string agent;
  std::string model;  ///< of the agent: by its name the agent's sessions are known
  Objective objective;
  ObjectiveCheck check;
};

std::chrono::microseconds limit_of(double seconds) {
  constexpr double most = 1e9;  // some thirty years
  return std::chrono::microseconds(std::llround(std::clamp(seconds, 0.0, most) * 1e6));
}

/// Adds `promise` with that objective, if a limit is promised.
void add(std::vector<Promise>& promises,
         Promise promise,
         Objective objective,
         std::optional<double> seconds,
         Time now) {
  if (!seconds) return;
  objective.limit = limit_of(*seconds);
  promise.objective = objective;
  promise.check = ObjectiveCheck(objective, now);
  promises.push_back(std::move(promise));
}

Result<std::vector<Promise>> promises_of(config::Config const& config,
                                         Options const& options,
                                         Time now) {
  if (!options.agent.empty() && !config.agents.contains(options.agent)) {
    auto const near = engine::nearest(options.agent, config::names_of(config.agents));
    return Error{Errc::not_found,
                 options.config + ": there is no agent " + printable(options.agent) +
                     (near ? "; did you mean " + std::string(*near) + "?" : "")};
  }
  std::vector<Promise> promises;
  for (auto const& [name, slo] : config.slos) {
    if (!options.agent.empty() && slo.agent != options.agent) continue;
    Promise promise{name, slo.agent, config.agents.at(slo.agent).calls(), {}, {{}, now}};
    add(promises, promise, {TurnMeasure::first_token, {}, slo.share}, slo.first_token_seconds, now);
    add(promises, promise, {TurnMeasure::answer, {}, slo.share}, slo.answer_seconds, now);
  }
  if (promises.empty())
    return Error{
        Errc::invalid,
        options.config + ": no [slos.NAME] " +
            (options.agent.empty() ? std::string() : "of agent " + printable(options.agent) + " ") +
            "has first_token_seconds or answer_seconds, so there is nothing to check"};
  return promises;
}

/// The agents that are called by this model's name: their sessions cannot be told apart.
std::vector<std::string> agents_of(config::Config const& config, std::string const& model) {
  std::vector<std::string> names;
  for (auto const& [name, agent] : config.agents)
    if (agent.calls() == model) names.push_back(name);
  return names;
}

/// The model's name that a run of the agent workflow was started with; nothing where that cannot be
/// read. Errors: Errc::io.
Result<std::optional<std::string>> model_of(storage::EventLog const& log,
                                            forensics::History const& history) {
  auto const* const started = history.body_at<storage::SessionStarted>(1);
  if (started == nullptr || started->workflow != "agent") return std::optional<std::string>();
  auto const input = forensics::bytes_of(log, history.session, started->input);
  if (!input && input.error().code == Errc::io) return input.error();
  auto const state = from_json<agent::AgentState>(input.value_or(""));
  if (!state) return std::optional<std::string>();
  return std::optional(state->model);
}

/// Reads the sessions of agents and hands their turns to the promises that are about them.
class Inspection {
 public:
  Inspection(OpenStore const& store, std::vector<Promise>& promises, std::optional<Time> since)
      : store_(store), promises_(promises), since_(since) {}

  Result<> inspect(FoundSession const& session) {
    TRY(auto const histories, forensics::read_all_runs(*store_.log, session.id, session.head));
    for (auto const& history : histories) {
      steps_ += history.steps;
      if (history.broken)
        broken_.push_back(to_string(history.session) + ": " + history.broken->detail);
      TRY(auto const model, model_of(*store_.log, history));
      if (model) TRY_VOID(take(history, *model));
    }
    return {};
  }

  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] std::vector<std::string> const& broken() const { return broken_; }

 private:
  Result<> take(forensics::History const& history, std::string const& model) {
    bool const is_meant = std::ranges::find(promises_, model, &Promise::model) != promises_.end();
    if (!is_meant) return {};
    TRY(auto turns, forensics::read_turns(*store_.log, history));
    auto const copied = storage::copied_up_to(history.events.front().event.body);
    std::erase_if(turns, [copied](auto const& turn) { return turn.sequence <= copied; });
    if (since_) std::erase_if(turns, [&](auto const& turn) { return turn.arrived < *since_; });
    for (auto& promise : promises_)
      if (promise.model == model) promise.check.add(history.session, history.run, turns);
    return {};
  }

  OpenStore const& store_;
  std::vector<Promise>& promises_;
  std::optional<Time> since_;
  std::uint64_t steps_ = 0;
  std::vector<std::string> broken_;
};

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

Json as_json(Promise const& promise,
             ObjectiveOutcome const& outcome,
             std::vector<std::string> const& agents) {
  Json line;
  line.set("slo", promise.slo).set("agent", promise.agent).set("model", promise.model);
  line.set("agents_of_model", Json::Array(agents.begin(), agents.end()));
  line.set("measure", forensics::name_of(promise.objective.measure));
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
  return line.set("worst", std::move(worst));
}

std::string percentile_cell(ObjectiveOutcome const& outcome, double share) {
  if (outcome.measured.empty()) return "-";
  return seconds(forensics::percentile(outcome.measured, share));
}

void print_outcomes(Globals const& globals,
                    std::vector<std::pair<Promise const*, ObjectiveOutcome>> const& outcomes) {
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
               "OUTCOME"});
  for (auto const& [promise, outcome] : outcomes) {
    auto const turns = outcome.kept + outcome.late;
    bool const is_kept = outcome.keeps(promise->objective);
    table.add({printable(promise->slo),
               printable(promise->agent),
               std::string(forensics::name_of(promise->objective.measure)),
               seconds(promise->objective.limit),
               percent(promise->objective.share),
               turns == 0 ? "-" : percent(outcome.share()),
               std::to_string(turns),
               std::to_string(outcome.late),
               std::to_string(outcome.pending),
               std::to_string(outcome.unmeasured),
               percentile_cell(outcome, 0.5),
               percentile_cell(outcome, 0.95),
               percentile_cell(outcome, 0.99),
               turns == 0 ? "nothing measured"
               : is_kept  ? "kept"
                          : "broken"},
              is_kept ? Style::plain : Style::bad);
  }
  table.print(globals);
  for (auto const& [promise, outcome] : outcomes)
    for (auto const& late : outcome.worst)
      print("late: " + printable(promise->slo) + " " +
            std::string(forensics::name_of(promise->objective.measure)) + ": " +
            printable(to_string(late.session)) + ", turn at " + std::to_string(late.turn) + ": " +
            seconds(late.waited) + " s, " + std::string(forensics::name_of(late.end)) +
            (late.late > 1 ? " (" + std::to_string(late.late) + " turns late)" : ""));
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
  TRY(auto promises, promises_of(config, options, globals.now));
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, {}));
  Inspection inspection(store, promises, since);
  for (auto const& session : sessions) TRY_VOID(inspection.inspect(session));
  std::vector<std::pair<Promise const*, ObjectiveOutcome>> outcomes;
  bool is_kept = true;
  for (auto& promise : promises) {
    outcomes.emplace_back(&promise, promise.check.finish(worst_sessions));
    is_kept = is_kept && outcomes.back().second.keeps(promise.objective);
    if (globals.json)
      print_json("dalsegno.slo",
                 as_json(promise, outcomes.back().second, agents_of(config, promise.model)));
  }
  if (!globals.json) print_outcomes(globals, outcomes);
  say_what_is_shared(config, promises);
  for (auto const& broken : inspection.broken()) say_not_verified(broken);
  if (!inspection.broken().empty()) return exit_integrity;
  auto const rests = say_verified(store, inspection.steps());
  return rests != exit_fine || is_kept ? rests : exit_findings;
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
      "Exit codes: 0 kept; 1 broken; 2 the configuration or the store cannot be read, or nothing "
      "is\npromised; 3 a chain is broken.\n");
  verb->callback([options, &globals] { globals.exit_code = ended(slo(globals, *options)); });
}

}  // namespace dalsegno::command
