#include "tools/dalsegno/slo_promises.h"

#include "dalsegno/agent.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/policy/nearest.h"
#include "tools/dalsegno/config/names.h"
#include "tools/dalsegno/forensics/copied_events.h"
#include "tools/dalsegno/forensics/model_calls.h"
#include "tools/dalsegno/forensics/turns.h"
#include "tools/dalsegno/printable.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dalsegno::command {

namespace {

using forensics::Measure;
using forensics::Objective;

std::chrono::microseconds limit_of(double seconds) {
  constexpr double most = 1e9;  // some thirty years
  return std::chrono::microseconds(std::llround(std::clamp(seconds, 0.0, most) * 1e6));
}

forensics::BurnRule rule_of(config::SloWindows const& windows) {
  return {limit_of(windows.short_seconds),
          limit_of(windows.long_seconds),
          limit_of(windows.period_days * 86'400),
          windows.factor};
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

}  // namespace

Result<std::vector<Promise>> promises_of(config::Config const& config,
                                         std::string const& file,
                                         std::string const& agent,
                                         Time now) {
  if (!agent.empty() && !config.agents.contains(agent)) {
    auto const near = engine::nearest(agent, config::names_of(config.agents));
    return Error{Errc::not_found,
                 file + ": there is no agent " + printable(agent) +
                     (near ? "; did you mean " + std::string(*near) + "?" : "")};
  }
  std::vector<Promise> promises;
  for (auto const& entry : config.slos) {
    auto const& slo = entry.second;
    if (!agent.empty() && slo.agent != agent) continue;
    auto const& model = config.agents.at(slo.agent).calls();
    auto const add = [&](Objective const& objective) {
      promises.push_back(
          {entry.first, slo.agent, model, objective, rule_of(slo.windows), {objective, now}});
    };
    auto const add_limit = [&](Measure measure, std::optional<double> seconds) {
      if (seconds) add({measure, limit_of(*seconds), slo.share});
    };
    add_limit(Measure::first_token, slo.first_token_seconds);
    add_limit(Measure::answer, slo.answer_seconds);
    if (slo.error_share) add({Measure::error, {}, 1 - *slo.error_share});
    add_limit(Measure::recovery, slo.recovery_seconds);
  }
  if (promises.empty())
    return Error{Errc::invalid,
                 file + ": no [slos.NAME] " +
                     (agent.empty() ? std::string() : "of agent " + printable(agent) + " ") +
                     "has first_token_seconds, answer_seconds, error_share or recovery_seconds, so "
                     "there is nothing to check"};
  return promises;
}

bool Inspection::is_promised(std::string_view model) const {
  return std::ranges::find(promises_, model, &Promise::model) != promises_.end();
}

Result<> Inspection::inspect(FoundSession const& session) {
  TRY(auto const histories, forensics::read_all_runs(*store_.log, session.id, session.head));
  std::vector<OfModel> models;
  for (auto const& history : histories) {
    steps_ += history.steps;
    if (history.broken)
      broken_.push_back(to_string(history.session) + ": " + history.broken->detail);
    TRY(auto const model, model_of(*store_.log, history));
    if (!model || !is_promised(*model)) continue;
    auto known = std::ranges::find(models, *model, &OfModel::model);
    if (known == models.end()) known = models.insert(known, OfModel{.model = *model});
    TRY_VOID(take(history, *known));
  }
  for (auto const& of_model : models) take_losses(session.id, of_model);
  return {};
}

Result<> Inspection::take(forensics::History const& history, OfModel& of_model) {
  TRY(auto turns, forensics::read_turns(*store_.log, history));
  // What a fork copied is judged in the run that it comes from.
  auto const copied = forensics::copied_events(history);
  std::erase_if(turns, [copied](auto const& turn) { return turn.sequence <= copied; });
  if (since_) std::erase_if(turns, [&](auto const& turn) { return turn.arrived < *since_; });
  for (auto& promise : promises_)
    if (promise.model == of_model.model && promise.objective.measure != Measure::recovery)
      promise.check.add(history.session, history.run, turns);
  TRY(auto calls, forensics::read_model_calls(*store_.log, history));
  std::erase_if(calls, [copied](auto const& call) { return call.requested <= copied; });
  of_model.runs.push_back(history.run);
  of_model.end = forensics::end_of(history);
  of_model.losses.begin_run();
  for (auto const& [call, attempt] : forensics::ended_attempts(calls)) {
    if (attempt->end == forensics::ModelAttemptEnd::failed) of_model.losses.fail(*attempt);
    if (attempt->end == forensics::ModelAttemptEnd::completed) of_model.losses.answer(*attempt);
  }
  return {};
}

void Inspection::take_losses(SessionId const& session, OfModel const& of_model) {
  auto losses = of_model.losses.all();
  if (since_) std::erase_if(losses, [&](auto const& loss) { return loss.at < *since_; });
  for (auto& promise : promises_)
    if (promise.model == of_model.model && promise.objective.measure == Measure::recovery)
      promise.check.add(session, of_model.runs, losses, of_model.end);
}

}  // namespace dalsegno::command
