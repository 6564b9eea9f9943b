// Limits of time: what it means that a call's timer came due while an attempt is under way.

#include "engine/session/session.h"

#include <algorithm>
#include <string>
#include <utility>

namespace dalsegno::engine {

namespace {

std::string in_ms(std::uint64_t duration_ms) { return std::to_string(duration_ms) + " ms"; }

/// How an attempt ends that took too long. Whoever performs it may be at it still.
FailureInput too_long(OperationId id,
                      OpenOperation const& operation,
                      Timeout timeout,
                      std::string message,
                      AttemptSigns const& signs) {
  FailureInput failure;
  failure.operation = id;
  failure.attempt = operation.attempt;
  failure.type = name_of(timeout);
  failure.message = std::move(message);
  failure.retryable = timeout == Timeout::start_to_close || timeout == Timeout::heartbeat;
  // What nobody began had no effect; what an earlier attempt had is as unknown as before.
  failure.outcome_unknown = timeout != Timeout::schedule_to_start || operation.unsure;
  if (signs.newest) failure.heartbeat = signs.newest->details;
  return failure;
}

}  // namespace

std::optional<storage::EventBody> Session::body_of(TimerInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation,
                                                   Ambient const& ambient) {
  if (id == OperationId::none && state_.control_due == input.due && input.due <= now_)
    return storage::TimerFired{input.due};
  if (stands_still(state_)) return std::nullopt;  // it stays armed
  if (operation == nullptr || operation->timer_due != input.due || input.due > now_)
    return std::nullopt;
  if (!operation->attempt_open) return storage::TimerFired{input.due};
  return body_of_limit(input, id, *operation, ambient);
}

storage::EventBody Session::body_of_limit(TimerInput const& input,
                                          OperationId id,
                                          OpenOperation const& operation,
                                          Ambient const& ambient) {
  auto const& terms = operation.terms;
  auto const& clock = operation.clock;
  auto* const watch = operation.deferred ? nullptr : ambient.attempts;
  auto const end = [&](FailureInput const& failure) { return *body_of(failure, id, &operation); };
  if (clock.start_by == input.due) {
    if (watch != nullptr && !watch->withdraw(state_.run, id, operation.attempt))
      return storage::TimerFired{input.due};
    return end(too_long(id,
                        operation,
                        Timeout::schedule_to_start,
                        "nobody began the attempt within " + in_ms(terms.schedule_to_start_ms),
                        {}));
  }
  auto signs =
      watch == nullptr ? AttemptSigns() : watch->signs_of(state_.run, id, operation.attempt);
  auto const with_details = [&](FailureInput failure) {
    // What nobody has begun had no effect, and will have none.
    if (terms.effect != storage::EffectClass::idempotent && watch != nullptr && signs.waits &&
        watch->withdraw(state_.run, id, operation.attempt))
      failure.outcome_unknown = operation.unsure;
    if (signs.newest) input_vault_ = std::move(signs.newest->vault);
    return end(failure);
  };
  if (clock.end_by == input.due)
    return with_details(too_long(
        id,
        operation,
        Timeout::schedule_to_close,
        "the call took longer than " + in_ms(terms.schedule_to_close_ms) + " with all its attempts",
        signs));
  if (clock.beat_by != input.due)
    return with_details(
        too_long(id,
                 operation,
                 Timeout::start_to_close,
                 "the attempt took longer than " + in_ms(operation.start_to_close_ms),
                 signs));
  // Time in a queue is no silence.
  if (signs.waits) return storage::HeartbeatRecorded{operation.attempt, now_, {}};
  bool const alive =
      signs.newest && storage::limit(signs.newest->at, terms.heartbeat_ms) > clock.beat_by;
  if (!alive)
    return with_details(
        too_long(id,
                 operation,
                 Timeout::heartbeat,
                 "the attempt gave no sign of life for " + in_ms(terms.heartbeat_ms),
                 signs));
  storage::HeartbeatRecorded beat{operation.attempt, std::min(signs.newest->at, now_), {}};
  beat.details.bytes = std::move(signs.newest->details);
  input_vault_ = std::move(signs.newest->vault);
  return beat;
}

}  // namespace dalsegno::engine
