// Inputs: which event each one makes, if it still means anything.

#include "dalsegno/errors.h"
#include "dalsegno/try.h"
#include "engine/session/overloaded.h"
#include "engine/session/random.h"
#include "engine/session/session.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace dalsegno::engine {

using storage::OperationKind;
using storage::SessionStatus;

Result<StepResult> Session::start(Ambient const& ambient) {
  assert(start_ && state_.last_sequence == 0);
  if (start_->input.size() > storage::max_artifact_bytes) {
    return Error{Errc::too_large,
                 "the input has " + std::to_string(start_->input.size()) + " bytes; at most " +
                     std::to_string(storage::max_artifact_bytes) + " are allowed"};
  }
  begin_live_step(ambient, 0);
  storage::SessionStarted body;
  body.workflow = workflow_.name;
  body.rules_version = current_rules_version;
  body.principal = start_->principal;
  body.input_digest = digest_of(start_->input);
  body.input = make_payload(std::move(start_->input));
  body.random_seed = start_->random_seed;
  body.redaction = start_->redaction;
  body.origin = start_->origin;
  body.not_before = start_->not_before;
  if (start_->follows) {
    body.follows = start_->follows->run;
    body.follows_hash = start_->follows->hash;
  }
  run_input(OperationId::none, std::move(body));
  TRY(auto result, end_live_step());
  result.append.follows = start_->follows;
  if (!start_->follows) result.append.secret = secret_;
  return result;
}

namespace {

/// What a held session takes: to be ended, which needs nothing of its code.
bool ends_without_code(Input const& input) {
  if (auto const* const timer = std::get_if<TimerInput>(&input))
    return timer->operation == OperationId::none;
  auto const* const control = std::get_if<ControlInput>(&input);
  return control != nullptr && control->verb == storage::ControlVerb::terminate;
}

}  // namespace

Result<std::optional<StepResult>> Session::handle(Input const& input, Ambient const& ambient) {
  auto const* const control = std::get_if<ControlInput>(&input);
  if (state_.status == SessionStatus::held && !ends_without_code(input)) {
    return Error{Errc::held,
                 "session " + to_string(state_.session) +
                     " is held: it takes no input until it is released"};
  }
  auto const* const signal = std::get_if<SignalInput>(&input);
  bool const going_on =
      state_.status == SessionStatus::open || state_.status == SessionStatus::held;
  if (!going_on) {
    bool const from_outside =
        signal != nullptr || control != nullptr || std::holds_alternative<CancelInput>(input) ||
        std::holds_alternative<ApprovalInput>(input) ||
        std::holds_alternative<OutsideInput>(input) || std::holds_alternative<ResolveInput>(input);
    if (!from_outside) return std::nullopt;
    return Error{Errc::ended,
                 "session " + to_string(state_.session) + " has ended and takes no input"};
  }
  if (signal != nullptr) return handle_signal(*signal, ambient);
  if (control != nullptr) return handle_control(*control, ambient);
  if (auto const* const cancel = std::get_if<CancelInput>(&input))
    return handle_cancel(*cancel, ambient);
  if (auto const* const approval = std::get_if<ApprovalInput>(&input))
    return handle_approval(*approval, ambient);
  if (auto const* const outside = std::get_if<OutsideInput>(&input))
    return handle_outside(*outside, ambient);
  if (auto const* const resolve = std::get_if<ResolveInput>(&input))
    return handle_resolution(*resolve, ambient);
  if (auto const* const parent = std::get_if<ParentInput>(&input))
    return handle_parent(*parent, ambient);

  auto const id = std::visit(overloaded{[](SignalInput const&) { return OperationId::none; },
                                        [](CancelInput const&) { return OperationId::none; },
                                        [](ParentInput const&) { return OperationId::none; },
                                        [](ControlInput const&) { return OperationId::none; },
                                        [](auto const& other) { return other.operation; }},
                             input);
  auto const found = state_.operations.find(id);
  auto const* const operation = found == state_.operations.end() ? nullptr : &found->second;
  now_ = std::max(ambient.now, state_.last_time);
  input_vault_.clear();
  auto body = std::visit(
      overloaded{
          [&](SignalInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](CancelInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](ApprovalInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](OutsideInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](ResolveInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](ParentInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](ControlInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](ChildEndInput const& ended) { return body_of(ended, id, operation); },
          [&](ResultInput const& result) { return body_of(result, id, operation); },
          [&](FailureInput const& failure) { return body_of(failure, id, operation); },
          [&](TimerInput const& timer) { return body_of(timer, id, operation, ambient); },
          [&](OrphanInput const& orphan) { return body_of(orphan, id, operation); },
          [&](DeferInput const& defer) { return body_of(defer, id, operation); },
      },
      input);
  if (!body) return std::nullopt;
  if (auto const* const ended = std::get_if<ChildEndInput>(&input)) {
    input_errands_ = {errand(storage::ErrandKind::start, id),
                      errand(storage::ErrandKind::tell, id),
                      {storage::ErrandKind::report,
                       {state_.session.tenant, ended->session},
                       ended->run,
                       OperationId::none}};
  }
  return take_body(id, std::move(*body), ambient);
}

/// The step of an input whose event is made; what it is about is open, or ended long ago.
Result<std::optional<StepResult>> Session::take_body(OperationId id,
                                                     storage::EventBody body,
                                                     Ambient const& ambient) {
  auto const found = state_.operations.find(id);
  begin_live_step(ambient, found == state_.operations.end() ? 0 : found->second.cause);
  vault_ = std::exchange(input_vault_, {});
  errands_done_ = std::exchange(input_errands_, {});
  if (auto* const payload = result_payload(body))
    *payload = make_payload(std::move(payload->bytes));
  run_input(id, std::move(body));
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

Result<std::optional<StepResult>> Session::handle_signal(SignalInput const& signal,
                                                         Ambient const& ambient) {
  if (!signal.update && state_.inbox.size() >= max_inbox && !awaited(state_, signal.signal)) {
    return Error{Errc::overloaded,
                 "session " + to_string(state_.session) + " has " + std::to_string(max_inbox) +
                     " signals waiting; try again when it has received some"};
  }
  if (signal.signal.size() + signal.producer_key.size() + signal.principal.size() >
      max_signal_names_bytes) {
    return Error{Errc::too_large,
                 "the signal's name, producer key and principal together have more than " +
                     std::to_string(max_signal_names_bytes) + " bytes"};
  }
  if (signal.payload.size() > storage::max_artifact_bytes) {
    return Error{Errc::too_large,
                 "the signal's payload has " + std::to_string(signal.payload.size()) +
                     " bytes; at most " + std::to_string(storage::max_artifact_bytes) +
                     " are allowed"};
  }
  if (signal.update) {
    if (auto valid = validate_update(signal); !valid) return valid.error();
  }
  begin_live_step(ambient, 0);
  storage::InputReceived body;
  body.update = signal.update;
  body.signal = signal.signal;
  body.producer_key = signal.producer_key;
  body.principal = signal.principal;
  body.payload_digest = digest_of(signal.payload);
  body.payload = make_payload(signal.payload);
  body.taint = signal.taint;
  body.senders = signal.senders;
  run_input(OperationId::none, std::move(body));
  bool const waits = !state_.inbox.empty() && !events_.empty() &&
                     state_.inbox.back().sequence == events_.front().sequence;
  if (waits && state_.inbox.back().payload.artifact) {
    not_yet_durable_.emplace_back(state_.inbox.back().sequence, artifacts_.front());
  }
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

Result<std::optional<StepResult>> Session::handle_cancel(CancelInput const& cancel,
                                                         Ambient const& ambient) {
  if (cancel.by.size() + cancel.reason.size() > max_signal_names_bytes) {
    return Error{Errc::too_large,
                 "who cancels and why together have more than " +
                     std::to_string(max_signal_names_bytes) + " bytes"};
  }
  if (state_.cancel_requested) return std::nullopt;
  begin_live_step(ambient, 0);
  run_input(OperationId::none, storage::CancelRequested{cancel.by, cancel.reason});
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

std::optional<TimerInput> Session::due_timer(Time now) const {
  std::optional<TimerInput> first;
  if (state_.status != SessionStatus::open) return first;
  // What was asked of the session comes before all else: no code runs until it is done.
  if (state_.control_due) {
    if (*state_.control_due <= now) first = TimerInput{OperationId::none, *state_.control_due};
    return first;
  }
  if (state_.paused) return first;
  for (auto const& [id, operation] : state_.operations) {
    auto const& due = operation.timer_due;
    if (due && *due <= now && (!first || *due < first->due)) first = TimerInput{id, *due};
  }
  return first;
}

void Session::durable_up_to(Sequence last) {
  while (!not_yet_durable_.empty() && not_yet_durable_.front().first <= last)
    not_yet_durable_.pop_front();
}

namespace {

/// The event for a result that came after its attempt had been given up.
std::optional<storage::EventBody> late(std::uint32_t attempt, std::vector<Contact> contacts) {
  return storage::AttemptOrphaned{
      attempt, "its result came late and was not applied", std::nullopt, std::move(contacts)};
}

bool awaits(OpenOperation const* operation, std::uint32_t attempt) {
  return operation != nullptr && operation->attempt_open && operation->attempt == attempt;
}

}  // namespace

std::optional<storage::EventBody> Session::body_of(ResultInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  if (!awaits(operation, input.attempt)) return late(input.attempt, input.contacts);
  if (input.payload.size() > storage::max_artifact_bytes) {
    return body_of(
        FailureInput{id,
                     input.attempt,
                     "result_too_large",
                     "the result has " + std::to_string(input.payload.size()) + " bytes; at most " +
                         std::to_string(storage::max_artifact_bytes) + " are allowed",
                     false,
                     input.contacts,
                     std::nullopt,
                     {},
                     true},
        id,
        operation);
  }
  storage::Payload payload;
  payload.bytes = input.payload;
  if (operation->kind == OperationKind::model) {
    return storage::ModelCompleted{input.attempt,
                                   std::move(payload),
                                   input.model,
                                   input.finish,
                                   input.input_tokens,
                                   input.output_tokens,
                                   input.cached_tokens,
                                   input.contacts};
  }
  if (operation->kind == OperationKind::tool) {
    return storage::ToolCompleted{
        input.attempt, std::move(payload), input.is_error, input.contacts, input.reconciled};
  }
  return storage::OperationCompleted{
      input.attempt, std::move(payload), input.contacts, input.reconciled};
}

std::optional<storage::EventBody> Session::body_of(FailureInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  if (!awaits(operation, input.attempt)) return late(input.attempt, input.contacts);
  auto const& retry = operation->retry;
  auto const effect = operation->terms.effect;
  auto const failed = operation->failed + 1;
  storage::AttemptFailed body;
  body.outcome_unknown = input.outcome_unknown && effect != storage::EffectClass::idempotent;
  body.retryable = input.retryable &&
                   std::ranges::find(retry.non_retryable, input.type) == retry.non_retryable.end();
  bool const may_repeat = effect != storage::EffectClass::at_most_once || !body.outcome_unknown;
  if (body.retryable && may_repeat && !operation->cancel_asked &&
      (retry.max_attempts == 0 || failed < retry.max_attempts))
    body.retry_at =
        now_ + (input.retry_after
                    ? std::chrono::microseconds(std::clamp(
                          *input.retry_after, std::chrono::milliseconds(0), longest_asked_delay))
                    : retry_delay(id, failed));
  // An attempt that would begin after the call's end is not waited for.
  auto const& end_by = operation->clock.end_by;
  if (body.retry_at && end_by && *body.retry_at >= *end_by) body.retry_at.reset();
  constexpr std::size_t longest_message = 4'096;
  body.attempt = input.attempt;
  body.type = input.type;
  body.message = input.message.substr(0, longest_message);
  body.contacts = input.contacts;
  body.heartbeat.bytes = input.heartbeat;
  return body;
}

std::optional<storage::EventBody> Session::body_of(OrphanInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  if (!awaits(operation, input.attempt)) return std::nullopt;
  std::optional<Time> retry_at;
  auto const orphaned = operation->orphaned + 1;
  if (operation->terms.effect != storage::EffectClass::at_most_once &&
      orphaned <= max_orphaned_attempts && !operation->cancel_asked) {
    // The first one is repeated at once; in a crash loop the far side is left more and more time.
    retry_at =
        now_ + (orphaned == 1 ? std::chrono::microseconds(0) : retry_delay(id, orphaned - 1));
  }
  return storage::AttemptOrphaned{input.attempt, input.reason, retry_at};
}

storage::Payload* Session::result_payload(storage::EventBody& body) {
  return std::visit(
      overloaded{[](storage::OperationCompleted& completed) { return &completed.result; },
                 [](storage::ModelCompleted& completed) { return &completed.result; },
                 [](storage::ToolCompleted& completed) { return &completed.result; },
                 [](storage::ChildEnded& ended) { return &ended.result; },
                 [](storage::PromiseSettled& settled) { return &settled.result; },
                 [](auto&) -> storage::Payload* { return nullptr; }},
      body);
}

std::chrono::microseconds Session::retry_delay(OperationId id, std::uint32_t failed) const {
  auto const& recorded = state_.operations.at(id).retry;
  auto const unit =
      unit_interval(mix(state_.random_seed ^ mix(static_cast<std::uint64_t>(id)), failed));
  return backoff(recorded, recorded.jitter, failed, unit);
}

}  // namespace dalsegno::engine
