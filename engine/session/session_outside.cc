// Attempts that somebody outside ends, and operations about which a person has to decide.

#include "dalsegno/try.h"
#include "engine/session/completion_token.h"
#include "engine/session/doubt.h"
#include "engine/session/overloaded.h"
#include "engine/session/session.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace dalsegno::engine {

using storage::OperationKind;

decltype(OutsideInput::what) completed_outside(std::string result) {
  ResultInput input;
  input.payload = std::move(result);
  return input;
}

decltype(OutsideInput::what) failed_outside(ActivityError const& error) {
  FailureInput input;
  input.type = error.type();
  input.message = error.what();
  input.retryable = error.retry() == ActivityError::Retry::allowed;
  input.retry_after = error.retry_after();
  input.outcome_unknown = error.outcome_unknown();
  return input;
}

std::optional<storage::EventBody> Session::body_of(DeferInput const& input,
                                                   OperationId,
                                                   OpenOperation const* operation) const {
  bool const waits = operation != nullptr && operation->attempt_open &&
                     operation->attempt == input.attempt && !operation->deferred;
  if (waits) {
    storage::AttemptDeferred body{input.attempt, {}, input.contacts};
    body.heartbeat.bytes = input.heartbeat;
    return body;
  }
  // Whoever has the token was quicker, or it came too late: nothing is lost but what it contacted.
  if (input.contacts.empty()) return std::nullopt;
  return storage::AttemptOrphaned{
      input.attempt, "it ended before it was left to somebody outside", {}, input.contacts};
}

Result<std::optional<StepResult>> Session::handle_outside(OutsideInput const& outside,
                                                          Ambient const& ambient) {
  auto const name = "session " + to_string(state_.session);
  if (!same_proof(outside.proof,
                  proof_of(digester_, state_.run, outside.operation, outside.attempt)))
    return Error{Errc::denied, name + ": nobody was given this token"};
  if (outside.attempt == 0) return handle_promise(outside, ambient);
  auto const id = outside.operation;
  auto const found = state_.operations.find(id);
  bool const waits = found != state_.operations.end() && found->second.attempt_open &&
                     found->second.attempt == outside.attempt;
  if (!waits)
    return Error{Errc::ended,
                 name + ": attempt " + std::to_string(outside.attempt) + " of operation " +
                     std::to_string(static_cast<std::uint64_t>(id)) +
                     " has ended: its token is spent"};
  auto const& operation = found->second;
  now_ = std::max(ambient.now, state_.last_time);
  input_vault_.clear();
  auto body = std::visit(overloaded{[&](ResultInput result) {
                                      result.operation = id;
                                      result.attempt = outside.attempt;
                                      return *body_of(result, id, &operation);
                                    },
                                    [&](FailureInput failure) {
                                      failure.operation = id;
                                      failure.attempt = outside.attempt;
                                      return *body_of(failure, id, &operation);
                                    },
                                    [&](OutsideInput::Alive const& alive) -> storage::EventBody {
                                      storage::HeartbeatRecorded beat{outside.attempt, now_, {}};
                                      beat.details.bytes = alive.details;
                                      return beat;
                                    }},
                         outside.what);
  return take_body(id, std::move(body), ambient);
}

Result<std::optional<StepResult>> Session::handle_resolution(ResolveInput const& resolve,
                                                             Ambient const& ambient) {
  TRY(auto resolved, check_resolution(state_, resolve));
  resolved.result = {};
  begin_live_step(ambient, state_.operations.at(resolve.operation).cause);
  if (resolve.resolution == storage::DoubtResolution::completed)
    resolved.result = make_payload(resolve.result);
  if (resolved.result.artifact)
    not_yet_durable_.emplace_back(state_.last_sequence + 1, artifacts_.back());
  run_input(resolve.operation, std::move(resolved));
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

/// What a person said about an operation in doubt happens.
void Session::act_on_resolution(OperationId id) {
  auto const& doubt = *state_.operations.at(id).doubt;
  if (!doubt.resolution) return;
  auto const said = *doubt.resolution;
  auto const attempt = doubt.attempt;
  switch (said.resolution) {
    case storage::DoubtResolution::retry:
      return;  // the timer ended the doubt
    case storage::DoubtResolution::failed:
      return fail_operation(id, resolved_as_failed, said.by + ": " + said.reason);
    case storage::DoubtResolution::completed:
      break;
  }
  switch (state_.operations.at(id).kind) {
    case OperationKind::model: {
      storage::ModelCompleted completed;
      completed.attempt = attempt;
      completed.result = said.result;
      command(id, std::move(completed));
      break;
    }
    case OperationKind::tool:
      command(id, storage::ToolCompleted{attempt, said.result, false});
      break;
    default:
      command(id, storage::OperationCompleted{attempt, said.result});
      break;
  }
  complete(id, state_.last_sequence, said.result);
}

}  // namespace dalsegno::engine
