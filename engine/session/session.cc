#include "engine/session/session.h"

#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/session/call_policy.h"
#include "engine/session/checkpoint.h"
#include "engine/session/overloaded.h"
#include "engine/session/random.h"
#include "storage/vault/intake.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <exception>
#include <stdexcept>
#include <utility>
#include <variant>

namespace dalsegno::engine {

using storage::OperationKind;
using storage::SessionStatus;

// ---- life of the object ----

Session::Session(WorkflowDefinition const& workflow,
                 SessionStart const& start,
                 SessionEnvironment environment)
    : Session(
          workflow, start.session, start.run, start.log_id, start.secret, std::move(environment)) {
  start_ = start;
  if (start.follows) state_.hash = start.follows->hash;
  state_.last_time = start.not_earlier;
  for (auto const& artifact : start.carried.artifacts) not_yet_durable_.emplace_back(1, artifact);
}

Session::Session(WorkflowDefinition const& workflow,
                 SessionId session,
                 RunId run,
                 RunId log_id,
                 storage::SessionSecret secret,
                 SessionEnvironment environment)
    : workflow_(workflow),
      environment_(std::move(environment)),
      secret_(secret),
      digester_(secret) {
  state_.session = std::move(session);
  state_.run = run;
  state_.log_id = log_id;
}

Result<std::unique_ptr<Session>> Session::from_checkpoint(WorkflowDefinition const& workflow,
                                                          std::string_view checkpoint,
                                                          storage::SessionSecret secret,
                                                          SessionEnvironment environment) {
  TRY(auto decoded, decode_checkpoint(checkpoint));
  auto session = std::make_unique<Session>(workflow,
                                           decoded.state.session,
                                           decoded.state.run,
                                           decoded.state.log_id,
                                           secret,
                                           std::move(environment));
  TRY_VOID(session->carry(std::move(decoded)));
  return session;
}

/// Stands where the frame that took the checkpoint stood.
Result<> Session::carry(Checkpoint checkpoint) {
  state_ = std::move(checkpoint.state);
  random_position_ = checkpoint.random_position;
  next_entry_ = std::move(checkpoint.workflow_state);
  for (auto const& [id, operation] : state_.operations) {
    named_[operation.label] = {id, operation.kind, operation.name};
    auto& issued = issued_[id];
    issued.name = operation.label;
    if (operation.kind == OperationKind::receive) issued.deadline = operation.timer_due;
  }
  for (auto& finished : checkpoint.finished) {
    if (finished.payload.artifact) {
      TRY(finished.outcome.payload, environment_.load_artifact(finished.payload.artifact->digest));
    } else {
      finished.outcome.payload = std::move(finished.payload.bytes);
    }
    named_[finished.label] = {finished.id, finished.kind, finished.name};
    auto& issued = issued_[finished.id];
    issued.name = std::move(finished.label);
    issued.ended_at = finished.ended_at;
    issued.outcome = std::move(finished.outcome);
  }
  return {};
}

Session::~Session() = default;

// ---- replay ----

Result<> Session::replay(storage::DecodedStep const& recorded) {
  auto const& header = recorded.step.header;
  auto const& events = recorded.step.events;
  mode_ = Mode::replaying;
  now_ = header.recorded_at;
  epoch_ = header.epoch;
  recorded_ = events;
  recorded_next_ = 0;
  step_error_.reset();
  for (auto const& event : events) {
    if (std::holds_alternative<storage::UnknownBody>(event.body)) {
      return Error{Errc::newer_format,
                   "event " + std::to_string(event.sequence) +
                       " was written by a newer version; this one can show it but not run it"};
    }
  }
  if (state_.last_sequence >= header.first_sequence) {
    // From a checkpoint: the step's events up to it are in the state; the code is entered right
    // after it.
    recorded_next_ = state_.last_sequence - header.first_sequence + 1;
    if (recorded_next_ > events.size())
      return Error{Errc::corrupt, "a step that ends before its checkpoint"};
    run([this] { drain(); });
  } else {
    recorded_next_ = 1;
    auto const& first = events.front();
    run([this, &first] { take_input(first); });
  }
  if (!divergence_ && !step_error_ && recorded_next_ < events.size()) {
    diverge(events[recorded_next_], std::nullopt, {});
  }
  recorded_ = {};
  if (divergence_) return Error{Errc::diverged, describe(*divergence_)};
  if (step_error_) return *step_error_;
  apply_step_end(state_, header, recorded.hash);
  return {};
}

storage::Event const* Session::next_recorded() const {
  return recorded_next_ < recorded_.size() ? &recorded_[recorded_next_] : nullptr;
}

void Session::diverge(std::optional<storage::Event> recorded,
                      std::optional<storage::Event> produced,
                      std::vector<std::string> fields) {
  stopped_ = true;
  if (!divergence_)
    divergence_ = make_divergence(std::move(recorded), std::move(produced), std::move(fields));
}

// ---- the loop ----

/// Runs a piece of the step; a Stop only ends it: why is in `divergence_` or `step_error_`.
template <class Piece>
void Session::run(Piece piece) {
  try {
    piece();
  } catch (Stop const&) {
    stopped_ = true;
  }
}

void Session::run_input(OperationId id, storage::EventBody body) {
  run([this, id, &body] {
    storage::Event const event{state_.last_sequence + 1, id, std::move(body)};
    events_.push_back(event);
    take_input(event);
  });
}

void Session::take_input(storage::Event const& event) {
  auto const id = event.operation;
  auto const found = state_.operations.find(id);
  auto const kind = found == state_.operations.end() ? OperationKind::activity : found->second.kind;
  auto const waited = found != state_.operations.end() && found->second.attempt_open;
  auto const controls = state_.controls;
  apply_event(event);
  std::visit(
      overloaded{
          [&](storage::SessionStarted const& body) { begin_code(body); },
          [&](storage::InputReceived const& body) {
            if (live() && !body.producer_key.empty()) {
              producer_keys_.push_back({body.producer_key, event.sequence});
            }
            if (body.update) return begin_update(event, body);
            take_delivery();
          },
          [&](storage::OperationCompleted const& body) {
            complete(id, event.sequence, body.result);
          },
          [&](storage::ModelCompleted const& body) { complete(id, event.sequence, body.result); },
          [&](storage::ToolCompleted const& body) { complete(id, event.sequence, body.result); },
          [&](storage::AttemptFailed const& body) {
            if (!state_.operations.contains(id)) return;
            again_or_fail(id, body.retry_at, body.type, body.message);
          },
          [&](storage::AttemptOrphaned const& body) {
            if (waited && !state_.operations.at(id).attempt_open) {
              again_or_fail(id,
                            body.retry_at,
                            state_.operations.at(id).unsure ? "orphaned" : "orphaned_too_often",
                            body.reason);
            }
          },
          [&](storage::TimerFired const&) {
            if (id == OperationId::none) return act_on_controls(controls);
            on_timer(id, kind);
          },
          [&](storage::CancelRequested const&) {
            if (entered_) {
              cancel_unshielded();
            } else {
              end_before_code();
            }
          },
          [&](storage::ChildEnded const& body) { end_child(id, body); },
          [&](storage::PromiseSettled const& body) { end_promise(id, body); },
          [&](storage::ParentEnded const& body) {
            if (body.close == storage::ParentClose::terminate) {
              terminate(body.reason);
            } else if (body.close == storage::ParentClose::cancel && entered_) {
              cancel_unshielded();
            } else if (body.close == storage::ParentClose::cancel) {
              end_before_code();
            }
          },
          [&](storage::Forked const&) { go_on_from_copy(); },
          [&](auto const&) {},
      },
      event.body);
  drain();
}

void Session::on_timer(OperationId id, OperationKind kind) {
  if (state_.delayed_input && !entered_) {
    enter(payload_text(*state_.delayed_input));
    return;
  }
  if (kind == OperationKind::sleep || kind == OperationKind::receive) {
    detail::Outcome outcome;
    outcome.kind = kind == OperationKind::sleep ? detail::OutcomeKind::completed
                                                : detail::OutcomeKind::timed_out;
    end_operation(id, std::move(outcome));
    return;
  }
  auto const found = state_.operations.find(id);
  if (found == state_.operations.end()) return;
  auto const& operation = found->second;
  if (operation.attempt_open) return;  // it was begun in time
  if (operation.doubt) return act_on_resolution(id);
  if (operation.clock.end_by && *operation.clock.end_by <= now_) {
    fail_or_doubt(id,
                  std::string(name_of(Timeout::schedule_to_close)),
                  "the call took longer than " +
                      std::to_string(operation.terms.schedule_to_close_ms) +
                      " ms with all its attempts");
  } else if (waits_for_approval(operation)) {
    on_approval_timer(id);
  } else if (kind != OperationKind::approval) {
    begin_attempt(id);
  }
}

void Session::again_or_fail(OperationId id,
                            std::optional<Time> retry_at,
                            std::string const& type,
                            std::string const& message) {
  if (retry_at) {
    if (*retry_at <= now_ && !stands_still(state_)) begin_attempt(id);
    return;  // else its timer is armed
  }
  fail_or_doubt(id, type, message);
}

/// No attempt follows. A call that may have had its effect is in doubt.
void Session::fail_or_doubt(OperationId id, std::string const& type, std::string const& message) {
  auto const& operation = state_.operations.at(id);
  if (!operation.unsure) return fail_operation(id, type, message);
  command(id, storage::OperationInDoubt{operation.attempt, type + ": " + message});
}

void Session::fail_operation(OperationId id, std::string const& type, std::string const& message) {
  auto const attempts = state_.operations.at(id).attempt;
  if (state_.operations.at(id).cancel_asked) {
    detail::Outcome cancelled;
    cancelled.kind = detail::OutcomeKind::cancelled;
    cancelled.message = "it was asked to end, and ended with " + type;
    command(id, storage::OperationCancelled{cancelled.message});
    end_operation(id, std::move(cancelled));
    return;
  }
  command(id, storage::OperationFailed{type, message, attempts});
  detail::Outcome outcome;
  outcome.kind = detail::OutcomeKind::failed;
  outcome.type = type;
  outcome.message = message;
  outcome.attempts = attempts;
  end_operation(id, std::move(outcome));
}

void Session::complete(OperationId id, Sequence sequence, storage::Payload const& result) {
  detail::Outcome outcome;
  outcome.sequence = sequence;
  outcome.payload = payload_text(result);
  end_operation(id, std::move(outcome));
}

void Session::take_delivery() {
  if (!delivery_) return;
  auto const delivery = std::exchange(delivery_, std::nullopt);
  detail::Outcome outcome;
  outcome.sequence = delivery->entry.sequence;
  outcome.payload = payload_text(delivery->entry.payload);
  end_operation(delivery->receiver, std::move(outcome));
}

void Session::end_operation(OperationId id, detail::Outcome outcome) {
  auto const found = issued_.find(id);
  if (found == issued_.end()) return;
  auto& issued = found->second;
  issued.ended_at = state_.last_sequence;
  if (outcome.sequence == 0) outcome.sequence = state_.last_sequence;
  if (issued.lingers) {
    issued_.erase(found);
    return;
  }
  issued.outcome = std::move(outcome);
  if (auto* const waiter = std::exchange(issued.waiter, nullptr)) waiter->done();
}

namespace {

bool honours_route(Registry const* registry, OpenOperation const& operation) {
  if (registry == nullptr) return false;
  switch (operation.kind) {
    case OperationKind::model:
      return registry->options_of_model(operation.name).honours_route;
    case OperationKind::tool:
      return registry->options_of_tool(operation.name).honours_route;
    default:
      return registry->honours_route(operation.name);
  }
}

ObligationKinds obligations_met(Ambient const& ambient, OpenOperation const& operation) {
  auto met = obligations_of_calls();
  auto const set = [&met](ObligationKind kind, bool is_met) {
    met.set(static_cast<std::size_t>(kind), is_met);
  };
  set(ObligationKind::rate, ambient.reservations != nullptr);
  set(ObligationKind::route, honours_route(ambient.registry, operation));
  if (ambient.intake == nullptr) return met;
  set(ObligationKind::redact, true);
  set(ObligationKind::reveal, ambient.intake->keeps_originals());
  return met;
}

}  // namespace

void Session::begin_attempt(OperationId id) {
  auto const& operation = state_.operations.at(id);
  auto& issued = issued_.at(id);
  if (!issued.input)  // asked for by a frame before a checkpoint
    issued.input = std::make_shared<std::string const>(payload_text(operation.input));
  auto const attempt = operation.attempt + 1;
  // A retry has been counted.
  auto* const reservations = live() && attempt == 1 ? ambient_->reservations : nullptr;
  if (reservations != nullptr)
    reservations->reserve(action_of(operation.kind), operation.name, now_);
  storage::PolicyDecided decided;
  if (live()) {
    decided = decide_call({ambient_->policy,
                           ambient_->policy_not_before,
                           ambient_->shadow_policies,
                           ambient_->surroundings,
                           obligations_met(*ambient_, operation)},
                          state_,
                          operation,
                          attempt,
                          *issued.input,
                          now_);
  } else {
    decided.attempt = attempt;
    decided.action = action_of(operation.kind);
    decided.resource = operation.name;
    decided.input_digest = operation.input_digest;
  }
  bool const unsure = operation.unsure;  // a denial may end the operation
  // In replay the recorded decision is read, never made again: only what was asked is compared.
  auto const& event = command(id, std::move(decided));
  auto const& decision = std::get<storage::PolicyDecided>(event.body);
  auto const permit = Permit::from(state_.run, id, decision);
  if (!permit) {
    if (reservations != nullptr) reservations->settle(false);
    if (unsure) return fail_or_doubt(id, "policy_denied", decision.reason);  // the next attempt
    detail::Outcome outcome;
    outcome.kind = detail::OutcomeKind::denied;
    outcome.message = decision.reason;
    outcome.rules = decision.rules;
    end_operation(id, std::move(outcome));
    return;
  }
  bool const waits = ask_for_approval(id, decision);
  if (reservations != nullptr) reservations->settle(!waits);
  if (waits) return;
  if (operation.child) return begin_child(id, *permit);
  auto permitting = live() ? decision : storage::PolicyDecided();
  bool const asks_first =
      operation.unsure && operation.terms.effect == storage::EffectClass::reconcilable;
  auto details = live() ? payload_text(operation.heartbeat) : std::string();
  command(id, storage::AttemptStarted{attempt, operation.input_digest, asks_first});
  if (live()) {
    effects_.emplace_back(
        StartAttempt{*permit,
                     state_.session,
                     state_.run,
                     id,
                     attempt,
                     epoch_,
                     operation.kind,
                     operation.name,
                     issued.input,
                     operation.input_digest,
                     state_.workflow,
                     std::move(permitting),
                     asks_first,
                     operation.clock.start_by || operation.clock.beat_by ||
                         operation.terms.effect != storage::EffectClass::idempotent,
                     std::move(details)});
  }
}

void Session::enter(std::string input) {
  // Nothing of the frame before may show: a recovery that begins here does not know it.
  at_entry_ = true;
  entered_ = true;
  commands_since_entry_ = 0;
  oldest_versions_.clear();
  last_taken_ = OperationId::none;
  root_ = workflow_.enter(context_, std::move(input));
  make_ready(root_.handle(), detail::TaskId::root);
}

void Session::drain() {
  if (stands_still(state_)) return;
  while (!stopped_) {
    end_updates();
    if (stopped_) return;
    if (next_run_) {
      continue_run(std::move(*next_run_));
      return;
    }
    cancel_dropped();
    if (next_entry_) {
      auto input = std::move(*next_entry_);
      next_entry_.reset();
      end_frame();
      enter(std::move(input));
      continue;
    }
    if (root_.done()) {
      finish();
      return;
    }
    if (ready_.empty()) {
      if (!wake_condition()) return;
      continue;
    }
    auto const next = ready_.front();
    ready_.pop_front();
    current_task_ = next.task;
    next.handle.resume();
    current_task_ = detail::TaskId::root;
  }
}

/// Destroys the frames and forgets what the code waited for.
void Session::leave() {
  open_updates_.clear();
  ended_updates_.clear();
  root_.reset();
  ready_.clear();
  issued_.clear();
  named_.clear();
  tasks_.clear();
  dropped_.clear();
  conditions_.clear();
}

/// Destroys the frame; the operations that it named go on.
void Session::end_frame() {
  root_.reset();
  ready_.clear();
  tasks_.clear();
  dropped_.clear();
  std::erase_if(issued_, [this](auto const& entry) {
    auto const named = named_.find(entry.second.name);
    return named == named_.end() || named->second.id != entry.first;
  });
  for (auto& [name, named] : named_) {
    named.in_frame = false;
    auto& issued = issued_.at(named.id);
    issued.task = detail::TaskId::root;
    issued.waiter = nullptr;
  }
}

/// An operation whose object the code let go is cancelled: a receiver that nobody waits with must
/// not take a signal.
void Session::cancel_dropped() {
  if (dropped_.empty() || root_.done()) return;  // an end cancels all that is open
  auto dropped = std::exchange(dropped_, {});
  std::ranges::sort(dropped);
  for (auto const id : dropped) {
    constexpr char const* why = "the workflow let it go";
    if (!state_.operations.contains(id)) {
      issued_.erase(id);
    } else if (ask_to_end(id, why)) {
      issued_.at(id).lingers = true;
    } else {
      issued_.erase(id);
      end_open(id, why, SessionEnds::no);
    }
  }
}

void Session::finish() {
  std::optional<storage::EventBody> end;
  AnnounceEnd announcement;
  try {
    announcement.result = root_.handle().promise().take();
    end = storage::SessionCompleted{{}, static_cast<std::uint32_t>(state_.inbox.size())};
  } catch (Stop const&) {
    stopped_ = true;
    return;
  } catch (Cancelled const& cancelled) {
    announcement.type = cancelled.type();
    announcement.message = cancelled.what();
    if (state_.cancel_requested) {
      announcement.status = SessionStatus::cancelled;
      end = storage::SessionCancelled{announcement.message};
    } else {
      announcement.status = SessionStatus::failed;
      end = storage::SessionFailed{announcement.type, announcement.message};
    }
  } catch (Failure const& failure) {
    announcement.status = SessionStatus::failed;
    announcement.type = failure.type();
    announcement.message = redacted_message(failure.what());
    end = storage::SessionFailed{announcement.type, announcement.message};
  } catch (std::exception const& error) {
    return blame_code(error.what());
  } catch (...) {
    return blame_code("something that is no std::exception");
  }
  cancel_open_operations("the session ended");
  if (auto* const completed = std::get_if<storage::SessionCompleted>(&*end))
    completed->result = command_payload(announcement.result);
  command(OperationId::none, std::move(*end));
  announce(std::move(announcement));
  leave();
}

/// Workflow code threw what no workflow should: a bug, which holds the session and costs nothing.
void Session::blame_code(std::string const& what) {
  stopped_ = true;
  auto const detail = "workflow " + workflow_.name + " threw: " + what;
  if (live()) {
    step_error_ = Error{Errc::held, detail};
  } else {
    auto const* const next = next_recorded();
    diverge(next == nullptr ? std::nullopt : std::optional(*next), std::nullopt, {});
    divergence_->hint = detail;
  }
}

void Session::cancel_open_operations(std::string const& reason) {
  std::vector<OperationId> open;
  open.reserve(state_.operations.size());
  for (auto const& [id, operation] : state_.operations) open.push_back(id);
  for (auto const id : open) end_open(id, reason, SessionEnds::yes);
}

/// All that waits outside a shield ends as cancelled, in operation order; the workflow goes on from
/// there.
void Session::cancel_unshielded() {
  std::vector<OperationId> open;
  for (auto const& [id, operation] : state_.operations) {
    auto const issued = issued_.find(id);
    if (issued == issued_.end() || !shielded(issued->second.task)) open.push_back(id);
  }
  for (auto const id : open) {
    auto const issued = issued_.find(id);
    auto* const waiter = issued == issued_.end() ? nullptr : issued->second.waiter;
    cancel(id, state_.cancel_reason);
    bool const waited_for = state_.operations.contains(id);
    if (waiter != nullptr && !waited_for) waiter->done();
  }
  cancel_conditions();
}

bool Session::shielded(detail::TaskId task) const {
  while (task != detail::TaskId::root) {
    auto const found = tasks_.find(task);
    if (found == tasks_.end()) return false;
    if (found->second.shield == detail::Shield::yes) return true;
    task = found->second.parent;
  }
  return false;
}

void Session::refuse_when_cancelled() const {
  if (state_.cancel_requested && !shielded(current_task_)) throw Cancelled(state_.cancel_reason);
}

// ---- what others ask ----

std::vector<OrphanInput> Session::open_attempts(std::string const& reason) const {
  std::vector<OrphanInput> open;
  for (auto const& [id, operation] : state_.operations) {
    if (operation.attempt_open && !operation.deferred)
      open.push_back({id, operation.attempt, reason});
  }
  return open;
}

bool Session::has_open_attempt() const {
  return std::ranges::any_of(state_.operations, [](auto const& entry) {
    return entry.second.attempt_open && !entry.second.deferred;
  });
}

}  // namespace dalsegno::engine
