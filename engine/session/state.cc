#include "engine/session/state.h"

#include "engine/session/overloaded.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

namespace dalsegno::engine {

namespace {

using storage::OperationKind;
using storage::SessionStatus;

bool takes(std::string const& receiver, std::string const& signal) {
  return receiver == signal || receiver == "*";
}

std::optional<Delivery> deliver(SessionState& state, InboxEntry entry) {
  for (auto& [id, operation] : state.operations) {
    if (operation.kind == OperationKind::receive && takes(operation.name, entry.signal)) {
      auto const receiver = id;
      state.operations.erase(receiver);
      return Delivery{receiver, std::move(entry)};
    }
  }
  state.inbox.push_back(std::move(entry));
  return std::nullopt;
}

void take_over(SessionState& state, storage::RunCarried const& carried, Sequence sequence) {
  for (auto const& call : carried.calls) state.calls[{call.kind, call.name}] += call.count;
  state.taint.insert(carried.taint.begin(), carried.taint.end());
  for (auto const& sender : carried.senders) state.senders.emplace(sender, sequence);
  for (auto const& attribute : carried.attributes)
    state.attributes[attribute.name] = attribute.value;
  for (auto const& stored : carried.stored) state.stored[stored.name] = stored.value;
}

std::optional<Delivery> open(SessionState& state,
                             storage::Event const& event,
                             storage::OperationRequested const& requested,
                             Time recorded_at) {
  auto const id = event.operation;
  state.last_operation = std::max(state.last_operation, static_cast<std::uint64_t>(id));
  if (requested.kind == OperationKind::receive) {
    auto const waiting = std::ranges::find_if(
        state.inbox, [&](InboxEntry const& entry) { return takes(requested.name, entry.signal); });
    if (waiting != state.inbox.end()) {
      Delivery delivery{id, std::move(*waiting)};
      state.inbox.erase(waiting);
      return delivery;
    }
  }
  auto& operation = state.operations[id];
  operation.kind = requested.kind;
  operation.name = requested.name;
  operation.label = requested.label;
  operation.input = requested.input;
  operation.input_digest = requested.input_digest;
  operation.retry = requested.retry;
  operation.start_to_close_ms = requested.start_to_close_ms;
  operation.risk = requested.risk;
  operation.untrusted = requested.untrusted;
  operation.requested = event.sequence;
  operation.terms = requested.terms;
  operation.clock.end_by = storage::limit(recorded_at, requested.terms.schedule_to_close_ms);
  operation.on_cancel = requested.on_cancel;
  operation.child = requested.child;
  if (requested.kind == OperationKind::promise) operation.cause = event.sequence;
  return std::nullopt;
}

bool is_under_way(OpenOperation const* operation, std::uint32_t attempt) {
  return operation != nullptr && operation->attempt_open && operation->attempt == attempt;
}

void keep_details(OpenOperation& operation, storage::Payload const& details) {
  if (details != storage::Payload{}) operation.heartbeat = details;
}

/// Whoever performs the attempt was alive at `at`.
void note_sign_of_life(OpenOperation& operation, storage::Payload const& details, Time at) {
  keep_details(operation, details);
  operation.clock.sign_of_life(operation.terms, at);
  operation.timer_due = operation.clock.in_attempt();
}

void end_attempt(OpenOperation& operation, std::optional<Time> retry_at) {
  operation.attempt_open = false;
  operation.deferred = false;
  operation.clock.end_attempt(retry_at);
  operation.timer_due = operation.clock.between_attempts();
}

void note_timer(OpenOperation& operation, Time due, Time recorded_at) {
  if (operation.doubt && operation.doubt->resolution &&
      operation.doubt->resolution->resolution == storage::DoubtResolution::retry) {
    // From here on it is as if it had been asked for now.
    operation.doubt.reset();
    operation.unsure = false;
    operation.clock.end_by = storage::limit(recorded_at, operation.terms.schedule_to_close_ms);
  }
  if (operation.attempt_open) {
    operation.clock.start_by.reset();  // its other limits go on
    operation.timer_due = operation.clock.in_attempt();
    return;
  }
  operation.timer_due = next_moment(operation, due);
  if (waits_for_approval(operation))
    operation.timer_due = storage::earlier(operation.timer_due, operation.clock.end_by);
}

void note_control(SessionState& state, storage::ControlAsked const& asked, Time recorded_at) {
  using storage::ControlVerb;
  if (asked.verb != ControlVerb::pause) {
    state.controls.push_back(asked);
    if (!state.control_due) state.control_due = recorded_at;
    return;
  }
  state.paused = true;
  std::erase_if(state.controls, [](auto const& one) { return one.verb == ControlVerb::resume; });
}

void act_on_controls(SessionState& state) {
  using storage::ControlVerb;
  for (auto const& asked : std::exchange(state.controls, {})) {
    if (asked.verb == ControlVerb::resume) state.paused = false;
    if (asked.verb == ControlVerb::cancel && !state.cancel_requested) {
      state.cancel_requested = true;
      state.cancel_reason = asked.reason;
    }
  }
  state.control_due.reset();
}

/// What was under way was so in the other run, and what people approved they approved of its calls.
void note_fork(SessionState& state, storage::Forked const& forked, Time recorded_at) {
  state.random_seed = forked.random_seed;
  for (auto& [id, operation] : state.operations) {
    operation.deferred = false;
    for (auto& asked : operation.approvals) asked.given.clear();
  }
  bool const begins_anew = forked.from.sequence == 0;
  if (!begins_anew && !state.control_due) state.control_due = recorded_at;
}

}  // namespace

std::optional<Delivery> apply(SessionState& state, storage::Event const& event, Time recorded_at) {
  state.last_sequence = event.sequence;
  auto const id = event.operation;
  auto const found = state.operations.find(id);
  auto* const operation = found == state.operations.end() ? nullptr : &found->second;
  auto const end = [&] {
    if (operation != nullptr) state.operations.erase(found);
  };
  auto const taint = [&] {
    if (operation != nullptr && operation->untrusted) state.taint.insert(operation->name);
  };
  auto const complete = [&] {
    taint();
    end();
  };
  std::optional<Delivery> delivery;
  std::visit(
      overloaded{
          [&](storage::UnknownBody const&) {},
          [&](storage::SessionStarted const& body) {
            state.workflow = body.workflow;
            state.principal = body.principal;
            state.rules_version = body.rules_version;
            state.random_seed = body.random_seed;
            state.started_at = recorded_at;
            state.follows = body.follows;
            if (body.origin && !body.origin->detached) state.parent = body.origin;
            if (body.not_before && *body.not_before > recorded_at) state.delayed_input = body.input;
          },
          [&](storage::InputReceived const& body) {
            if (state.rules_version >= senders_since_rules && !body.principal.empty())
              state.senders.emplace(body.principal, event.sequence);
            state.taint.insert(body.taint.begin(), body.taint.end());
            for (auto const& sender : body.senders) state.senders.emplace(sender, event.sequence);
            if (body.update) {
              state.updates.insert(event.sequence);
            } else {
              delivery = deliver(state, {event.sequence, body.signal, body.payload});
            }
          },
          [&](storage::OperationRequested const& body) {
            delivery = open(state, event, body, recorded_at);
          },
          [&](storage::PolicyDecided const& body) {
            // A call that may have had its effect is in doubt then, and does not end.
            bool const unsure = operation != nullptr && operation->unsure;
            if (body.effect == storage::DecisionEffect::deny && !unsure) end();
          },
          [&](storage::AttemptStarted const& body) {
            if (operation == nullptr) return;
            if (operation->attempt == 0) {
              ++state.calls[{operation->kind, operation->name}];
              operation->first_started = recorded_at;
            }
            for (auto& asked : operation->approvals) asked.waiting = false;
            operation->attempt = body.attempt;
            operation->attempt_open = true;
            operation->cause = event.sequence;
            operation->deferred = false;
            operation->doubt.reset();
            operation->clock.begin_attempt(
                operation->start_to_close_ms, operation->terms, recorded_at);
            operation->timer_due = operation->clock.in_attempt();
          },
          [&](storage::AttemptFailed const& body) {
            if (operation == nullptr) return;
            ++operation->failed;
            keep_details(*operation, body.heartbeat);
            operation->unsure = body.outcome_unknown;
            end_attempt(*operation, body.retry_at);
          },
          [&](storage::AttemptOrphaned const& body) {
            if (!is_under_way(operation, body.attempt)) return;
            ++operation->orphaned;
            operation->unsure = operation->terms.effect != storage::EffectClass::idempotent;
            end_attempt(*operation, body.retry_at);
          },
          [&](storage::OperationCompleted const&) { complete(); },
          [&](storage::ModelCompleted const&) { complete(); },
          [&](storage::ToolCompleted const&) { complete(); },
          [&](storage::OperationFailed const&) {
            // What an attempt said of its failure comes from where its result would have.
            if (operation != nullptr && operation->failed > 0) taint();
            end();
          },
          [&](storage::OperationCancelled const&) { end(); },
          [&](storage::TimerStarted const& body) {
            state.last_operation = std::max(state.last_operation, static_cast<std::uint64_t>(id));
            auto& timer = state.operations[id];  // a sleep has no request of its own
            if (operation == nullptr) timer.kind = OperationKind::sleep;
            timer.timer_due = body.due;
            timer.cause = event.sequence;
          },
          [&](storage::TimerFired const& body) {
            if (id == OperationId::none) return act_on_controls(state);
            if (operation == nullptr) return;
            note_timer(*operation, body.due, recorded_at);
            bool const ends = operation->kind == OperationKind::sleep ||
                              operation->kind == OperationKind::receive;
            if (ends) end();  // a call's timer begins its next attempt
          },
          [&](storage::ValueRecorded const&) {},
          [&](storage::CheckpointTaken const&) { state.checkpoint = event.sequence; },
          [&](storage::AttributeSet const& body) { state.attributes[body.name] = body.value; },
          [&](storage::AnswerGiven const&) {},
          [&](storage::Held const&) { state.status = SessionStatus::held; },
          [&](storage::Released const&) { state.status = SessionStatus::open; },
          [&](storage::OperatorActed const&) {},
          [&](storage::PolicyActivated const&) {},
          [&](storage::LossAccepted const&) {},
          [&](storage::ApprovalRequested const& body) {
            if (operation == nullptr) return;
            note_request(*operation, body);
            operation->timer_due =
                storage::earlier(next_moment(*operation), operation->clock.end_by);
            operation->cause = event.sequence;
          },
          [&](storage::ApprovalGiven const& body) {
            if (operation == nullptr || !waits_for_approval(*operation)) return;
            note_answer(state, *operation, body, recorded_at);
            // Its timer looks whether that is enough: the answer itself runs no code.
            auto& due = operation->timer_due;
            due = due ? std::min(*due, recorded_at) : recorded_at;
          },
          [&](storage::TokenCreated const&) {},
          [&](storage::TokenRevoked const&) {},
          [&](storage::HeartbeatRecorded const& body) {
            if (is_under_way(operation, body.attempt))
              note_sign_of_life(*operation, body.details, body.at);
          },
          [&](storage::AttemptDeferred const& body) {
            if (!is_under_way(operation, body.attempt)) return;
            operation->deferred = true;
            note_sign_of_life(*operation, body.heartbeat, recorded_at);
          },
          [&](storage::OperationInDoubt const& body) {
            if (operation == nullptr) return;
            operation->doubt = Doubt{body.attempt, body.reason, recorded_at, std::nullopt};
            for (auto& asked : operation->approvals) asked.waiting = false;
            operation->timer_due.reset();
            operation->cause = event.sequence;
          },
          [&](storage::DoubtResolved const& body) {
            if (operation == nullptr || !operation->doubt) return;
            operation->doubt->resolution = body;
            operation->timer_due = recorded_at;  // the resolution itself runs no code
          },
          [&](storage::SessionCompleted const&) { state.status = SessionStatus::completed; },
          [&](storage::SessionFailed const&) { state.status = SessionStatus::failed; },
          [&](storage::SessionCancelled const&) { state.status = SessionStatus::cancelled; },
          [&](storage::RunCarried const& body) { take_over(state, body, event.sequence); },
          [&](storage::ContinuedAsNew const&) { state.status = SessionStatus::continued; },
          [&](storage::ChildStarted const& body) {
            if (operation == nullptr) return;
            ++state.calls[{operation->kind, operation->name}];
            operation->first_started = recorded_at;
            for (auto& asked : operation->approvals) asked.waiting = false;
            operation->attempt = body.attempt;
            operation->cause = event.sequence;
            operation->timer_due.reset();
          },
          [&](storage::ChildEnded const& body) {
            state.taint.insert(body.taint.begin(), body.taint.end());
            for (auto const& sender : body.senders) state.senders.emplace(sender, event.sequence);
            end();
          },
          [&](storage::ParentEnded const& body) {
            state.parent.reset();
            if (body.close != storage::ParentClose::cancel) return;
            state.cancel_requested = true;
            state.cancel_reason = body.reason;
          },
          [&](storage::CancellationAsked const&) {
            if (operation != nullptr) operation->cancel_asked = true;
          },
          [&](storage::ControlAsked const& body) { note_control(state, body, recorded_at); },
          [&](storage::UpdateEnded const& body) { state.updates.erase(body.update); },
          [&](storage::StoreChanged const& body) {
            if (body.erased) {
              state.stored.erase(body.key);
            } else {
              state.stored[body.key] = body.value;
            }
          },
          [&](storage::PromiseSettled const& body) {
            state.taint.insert(body.taint.begin(), body.taint.end());
            for (auto const& sender : body.senders) state.senders.emplace(sender, event.sequence);
            end();
          },
          [&](storage::EngineStarted const&) {},
          [&](storage::Forked const& body) { note_fork(state, body, recorded_at); },
          [&](storage::VersionChosen const& body) { state.versions[body.change] = body.version; },
          [&](storage::CancelRequested const& body) {
            state.cancel_requested = true;
            state.cancel_reason = body.reason;
          },
      },
      event.body);
  return delivery;
}

std::string idempotency_key(SessionId const& session, RunId const& run, OperationId operation) {
  return to_string(session) + '/' + to_string(run) + '/' +
         std::to_string(static_cast<std::uint64_t>(operation));
}

bool is_under_way(OpenOperation const& operation) {
  bool const child = operation.child && operation.attempt > 0;
  return operation.attempt_open || child;
}

std::optional<Time> timer_of(SessionState const& state, OperationId operation) {
  if (operation == OperationId::none) return state.control_due;
  auto const found = state.operations.find(operation);
  return found == state.operations.end() ? std::nullopt : found->second.timer_due;
}

bool awaited(SessionState const& state, std::string const& signal) {
  return std::ranges::any_of(state.operations, [&](auto const& entry) {
    return entry.second.kind == OperationKind::receive && takes(entry.second.name, signal);
  });
}

void apply_step_end(SessionState& state,
                    storage::StepHeader const& header,
                    storage::Digest const& hash) {
  state.hash = hash;
  state.epoch = header.epoch;
  state.last_time = header.recorded_at;
  ++state.steps;
}

storage::Head head_of(SessionState const& state) {
  storage::Head head;
  head.run = state.run;
  head.workflow = state.workflow;
  head.status = state.status;
  head.paused = state.paused && state.status == SessionStatus::open;
  head.last_sequence = state.last_sequence;
  head.hash = state.hash;
  head.epoch = state.epoch;
  head.started_at = state.started_at;
  head.updated_at = state.last_time;
  head.steps = state.steps;
  head.checkpoint = state.checkpoint;
  head.open_attempts =
      static_cast<std::uint32_t>(std::ranges::count_if(state.operations, [](auto const& entry) {
        return entry.second.attempt_open && !entry.second.deferred;
      }));
  return head;
}

}  // namespace dalsegno::engine
