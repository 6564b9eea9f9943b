#include "tools/dalsegno/forensics/run_check.h"

#include "dalsegno/try.h"
#include "engine/govern/store_policy.h"
#include "engine/policy/permit.h"
#include "engine/session/overloaded.h"
#include "storage/event/copied.h"
#include "tools/dalsegno/forensics/approval_check.h"
#include "tools/dalsegno/forensics/calls.h"
#include "tools/dalsegno/forensics/doubt_check.h"
#include "tools/dalsegno/forensics/history.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

using engine::overloaded;

/// What an event may be within its step.
enum class Place : std::uint8_t { input, command, anywhere };

Place place_of(storage::EventBody const& body) {
  return std::visit(overloaded{
                        [](storage::SessionStarted const&) { return Place::input; },
                        [](storage::InputReceived const&) { return Place::input; },
                        [](storage::OperationCompleted const&) { return Place::input; },
                        [](storage::ModelCompleted const&) { return Place::input; },
                        [](storage::ToolCompleted const&) { return Place::input; },
                        [](storage::AttemptFailed const&) { return Place::input; },
                        [](storage::AttemptOrphaned const&) { return Place::input; },
                        [](storage::TimerFired const&) { return Place::input; },
                        [](storage::Held const&) { return Place::input; },
                        [](storage::Released const&) { return Place::input; },
                        [](storage::CancelRequested const&) { return Place::input; },
                        [](storage::ApprovalGiven const&) { return Place::input; },
                        [](storage::HeartbeatRecorded const&) { return Place::input; },
                        [](storage::AttemptDeferred const&) { return Place::input; },
                        [](storage::DoubtResolved const&) { return Place::input; },
                        [](storage::OperatorActed const&) { return Place::input; },
                        [](storage::PolicyActivated const&) { return Place::input; },
                        [](storage::LossAccepted const&) { return Place::input; },
                        [](storage::EngineStarted const&) { return Place::input; },
                        [](storage::ChildEnded const&) { return Place::input; },
                        [](storage::PromiseSettled const&) { return Place::input; },
                        [](storage::ParentEnded const&) { return Place::input; },
                        [](storage::ControlAsked const&) { return Place::input; },
                        [](storage::Forked const&) { return Place::anywhere; },
                        [](storage::TokenCreated const&) { return Place::anywhere; },
                        [](storage::TokenRevoked const&) { return Place::anywhere; },
                        [](storage::UnknownBody const&) { return Place::anywhere; },
                        [](auto const&) { return Place::command; },
                    },
                    body);
}

bool is_result(storage::EventBody const& body) {
  return std::holds_alternative<storage::OperationCompleted>(body) ||
         std::holds_alternative<storage::ModelCompleted>(body) ||
         std::holds_alternative<storage::ToolCompleted>(body);
}

std::string number(std::uint64_t value) { return std::to_string(value); }
std::string number(OperationId id) { return std::to_string(static_cast<std::uint64_t>(id)); }

}  // namespace

RunCheck::RunCheck(SessionChecks& shared, RunId run, Findings& findings)
    : shared_(shared), run_(run), findings_(findings) {
  state_.session = shared.session;
  state_.run = run;
  state_.log_id = shared.log.info().log_id;
}

void RunCheck::found(std::string_view check,
                     Sequence sequence,
                     std::string detail,
                     Severity severity) {
  findings_.add(
      {severity, std::string(check), shared_.session, run_, sequence, 0, std::move(detail)});
}

Result<> RunCheck::take(storage::DecodedStep const& step) {
  auto const& header = step.step.header;
  auto const& events = step.step.events;
  if (header.recorded_at < last_time_)
    found("time",
          header.first_sequence,
          "it was recorded before the step before it: time ran backward");
  last_time_ = std::max(last_time_, header.recorded_at);
  if (!shared_.is_journal) check_cause(header, events.front());
  for (auto const& event : events) {
    ++events_;
    if (std::holds_alternative<storage::UnknownBody>(event.body)) {
      if (!saw_unknown_)
        found(
            "schema",
            event.sequence,
            "a kind of event that this version does not know; what follows from it is not checked",
            Severity::warning);
      saw_unknown_ = true;
    }
    if (!saw_unknown_ && !shared_.is_journal) check_place(event, &event == &events.front());
    TRY_VOID(check_body(event));
    engine::apply(state_, event, header.recorded_at);
  }
  engine::apply_step_end(state_, header, step.hash);
  return {};
}

// ---- where it came from ----

void RunCheck::check_cause(storage::StepHeader const& header, storage::Event const& first) {
  if (saw_unknown_) return;
  auto const open = state_.operations.find(first.operation);
  Sequence const expected = open == state_.operations.end() ? 0 : open->second.cause;
  if (header.cause == expected) return;
  auto const name = std::string(storage::name_of(first.body));
  if (expected == 0) {
    found(
        "cause",
        first.sequence,
        name + " names " + number(header.cause) + " as its cause, but nothing under way led to it");
  } else {
    found("cause",
          first.sequence,
          name + " of operation " + number(first.operation) + " names " + number(header.cause) +
              " as its cause; it came from " + number(expected));
  }
}

void RunCheck::check_place(storage::Event const& event, bool is_first) {
  auto place = place_of(event.body);
  // What people said is an input of its own; the operation's end follows from it.
  if (std::holds_alternative<storage::OperationCompleted>(event.body) && is_approval(event))
    place = Place::command;
  if (is_result(event.body) && ends_a_doubt(state_, event.operation)) place = Place::command;
  // What was not received before, or what the session was started with, comes with the run's first
  // input.
  if (auto const* const signal = std::get_if<storage::InputReceived>(&event.body);
      signal != nullptr && !signal->update && (signal->carried_from > 0 || state_.steps == 0))
    place = Place::command;
  auto const name = std::string(storage::name_of(event.body));
  if (is_first && place == Place::command)
    found("step", event.sequence, name + " begins a step; only an input may");
  if (!is_first && place == Place::input)
    found("step", event.sequence, name + " stands in the middle of a step; an input begins one");
  auto const starts = std::holds_alternative<storage::SessionStarted>(event.body);
  if (starts != (event.sequence == 1)) {
    found("step",
          event.sequence,
          starts ? "a second SessionStarted" : "the run does not begin with SessionStarted");
  }
  bool const late = std::holds_alternative<storage::AttemptOrphaned>(event.body) ||
                    std::holds_alternative<storage::OperatorActed>(event.body);
  if (ended_ != 0 && !late)
    found("end", event.sequence, name + " after the session had ended, at " + number(ended_));
}

// ---- the events ----

Result<> RunCheck::check_body(storage::Event const& event) {
  Result<> outcome;
  std::visit(
      overloaded{
          [&](storage::UnknownBody const&) {},
          [&](storage::SessionStarted const& body) {
            started_ = body;
            outcome = check_payload(event, body.input, &body.input_digest);
          },
          [&](storage::InputReceived const& body) {
            signals_.push_back(event.sequence);
            if (body.carried_from > 0) carried_.push_back(body);
            outcome = check_payload(event, body.payload, &body.payload_digest);
          },
          [&](storage::OperationRequested const& body) {
            take_request(event, body);
            bool const digested = body.kind != storage::OperationKind::receive &&
                                  body.kind != storage::OperationKind::sleep &&
                                  body.kind != storage::OperationKind::promise;
            outcome = check_payload(event, body.input, digested ? &body.input_digest : nullptr);
          },
          [&](storage::PolicyDecided const& body) { take_decision(event, body); },
          [&](storage::AttemptStarted const& body) { take_start(event, body); },
          [&](storage::AttemptFailed const& body) {
            take_failure(event, body.attempt);
            outcome = check_payload(event, body.heartbeat, nullptr);
          },
          [&](storage::AttemptOrphaned const& body) { take_orphan(event, body); },
          [&](storage::OperationCompleted const& body) {
            if (is_approval(event)) {
              take_approval(event, body);
            } else {
              take_result(event, body.attempt, body.result);
            }
            outcome = check_payload(event, body.result, nullptr);
          },
          [&](storage::ModelCompleted const& body) {
            take_result(event, body.attempt, body.result);
            outcome = check_payload(event, body.result, nullptr);
          },
          [&](storage::ToolCompleted const& body) {
            take_result(event, body.attempt, body.result);
            outcome = check_payload(event, body.result, nullptr);
          },
          [&](storage::OperationFailed const&) { take_end(event); },
          [&](storage::OperationCancelled const&) { take_end(event); },
          [&](storage::TimerStarted const&) {
            if (operations_.contains(event.operation)) return;
            take_request(event,
                         {.kind = storage::OperationKind::sleep,
                          .name = {},
                          .label = {},
                          .input = {},
                          .input_digest = {},
                          .retry = {},
                          .start_to_close_ms = 0});
          },
          [&](storage::TimerFired const& body) {
            if (engine::timer_of(state_, event.operation) != body.due)
              found("timer", event.sequence, "a timer fired that was not armed");
          },
          [&](storage::ValueRecorded const& body) {
            outcome = check_payload(event, body.value, nullptr);
          },
          [&](storage::AttributeSet const& body) {
            outcome = check_payload(event, body.value, nullptr);
          },
          [&](storage::AnswerGiven const& body) {
            take_answer(event, body);
            outcome = check_payload(event, body.answer, nullptr);
          },
          [&](storage::CheckpointTaken const& body) { outcome = take_checkpoint(event, body); },
          [&](storage::Held const&) {},
          [&](storage::Released const&) {},
          [&](storage::OperatorActed const&) {},
          [&](storage::PolicyActivated const& body) {
            auto const document = engine::document_of(shared_.log, body);
            if (!document) {
              found("artifact", event.sequence, document.error().detail);
            } else if (storage::sha256({*document}) != body.digest)
              found("digest",
                    event.sequence,
                    "the policy document does not have the digest that it is recorded under");
          },
          [&](storage::LossAccepted const& body) {
            found("loss",
                  event.sequence,
                  body.by + " accepted that commits after " + number(body.found_commit) +
                      " of generation " + number(body.generation) + " are gone: " + body.reason,
                  Severity::warning);
          },
          [&](storage::SessionCompleted const& body) {
            ended_ = event.sequence;
            outcome = check_payload(event, body.result, nullptr);
          },
          [&](storage::SessionFailed const&) { ended_ = event.sequence; },
          [&](storage::VersionChosen const&) {},
          [&](storage::CancelRequested const&) {},
          [&](storage::ApprovalRequested const& body) {
            complain(event, wrong_request(state_, event.operation, body));
          },
          [&](storage::ApprovalGiven const& body) {
            complain(event, wrong_answer(state_, event.operation, body, last_time_));
            if (shared_.tokens != nullptr)
              complain(event,
                       wrong_credential(*shared_.tokens, shared_.session.tenant, body, last_time_));
          },
          [&](storage::TokenCreated const&) {},
          [&](storage::TokenRevoked const&) {},
          [&](storage::HeartbeatRecorded const& body) {
            complain(event, not_under_way(state_, event.operation, body.attempt), "attempt");
            outcome = check_payload(event, body.details, nullptr);
          },
          [&](storage::AttemptDeferred const& body) {
            complain(event, not_under_way(state_, event.operation, body.attempt), "attempt");
            outcome = check_payload(event, body.heartbeat, nullptr);
          },
          [&](storage::OperationInDoubt const& body) {
            complain(event, wrong_doubt(state_, event.operation, body), "doubt");
          },
          [&](storage::DoubtResolved const& body) {
            complain(event,
                     wrong_resolution(state_, event.operation, body, shared_.tokens, last_time_),
                     "doubt");
            outcome = check_payload(event, body.result, nullptr);
          },
          [&](storage::SessionCancelled const&) { ended_ = event.sequence; },
          [&](storage::RunCarried const& body) {
            for (auto const& attribute : body.attributes) {
              if (outcome) outcome = check_payload(event, attribute.value, nullptr);
            }
            for (auto const& stored : body.stored) {
              if (outcome) outcome = check_payload(event, stored.value, nullptr);
            }
          },
          [&](storage::ContinuedAsNew const& body) {
            ended_ = event.sequence;
            next_ = body.next;
            outcome = check_payload(event, body.input, &body.input_digest);
          },
          [&](storage::ChildStarted const& body) {
            take_start(event, {body.attempt, body.input_digest});
            if (auto* const operation = find(event)) operation->attempt_open = false;
          },
          [&](storage::ChildEnded const& body) {
            take_end(event);
            outcome = check_payload(event, body.result, nullptr);
          },
          [&](storage::EngineStarted const&) {},
          [&](storage::StoreChanged const& body) {
            outcome = check_payload(event, body.value, nullptr);
          },
          [&](storage::PromiseSettled const& body) {
            take_end(event);
            outcome = check_payload(event, body.result, nullptr);
          },
          [&](storage::ParentEnded const&) {},
          [&](storage::CancellationAsked const&) { static_cast<void>(find(event)); },
          [&](storage::ControlAsked const&) {},
          [&](storage::Forked const& body) { check_fork(event, body); },
          [&](storage::UpdateEnded const& body) {
            if (!state_.updates.contains(body.update) && !saw_unknown_)
              found("update",
                    event.sequence,
                    "it ends an update at " + number(body.update) + ", which is none under way");
            outcome = check_payload(event, body.result, nullptr);
          },
      },
      event.body);
  return outcome;
}

/// It stands where the run's beginning says.
void RunCheck::check_fork(storage::Event const& event, storage::Forked const& body) {
  if (started_ && event.sequence <= storage::copied_up_to(*started_)) return;  // of a fork's fork
  bool const named = started_ && started_->fork == body.from;
  auto const place = body.from.sequence == 0 ? 2 : body.from.sequence + 1;
  if (!named || event.sequence != place)
    found("fork",
          event.sequence,
          "it forks run " + to_string(body.from.run) + " after event " +
              number(body.from.sequence) + ", which the run's beginning does not say");
}

RunCheck::Operation* RunCheck::find(storage::Event const& event) {
  auto const found_at = operations_.find(event.operation);
  if (found_at != operations_.end()) return &found_at->second;
  if (!saw_unknown_)
    found("operation",
          event.sequence,
          std::string(storage::name_of(event.body)) + " of operation " + number(event.operation) +
              ", which nobody requested");
  return nullptr;
}

void RunCheck::take_request(storage::Event const& event, storage::OperationRequested const& body) {
  auto const id = static_cast<std::uint64_t>(event.operation);
  if (id != last_operation_ + 1 && !saw_unknown_)
    found("operation",
          event.sequence,
          "operation " + number(id) + " follows operation " + number(last_operation_));
  last_operation_ = std::max(last_operation_, id);
  auto& operation = operations_[event.operation];
  operation.kind = body.kind;
  operation.name = body.name;
  operation.input_digest = body.input_digest;
}

Judgement RunCheck::judge(storage::Event const& event, storage::PolicyDecided const& body) const {
  auto session = shared_.session;
  if (event.sequence <= storage::copied_up_to(started_.value_or(storage::SessionStarted())))
    session.name = started_->fork->session;  // it was decided there
  engine::DecisionContext context{
      .session = &session, .workflow = state_.workflow, .recorded_at = last_time_, .arguments = {}};
  std::optional<std::string> arguments;
  if (auto const call = state_.operations.find(event.operation); call != state_.operations.end()) {
    if (auto bytes = bytes_of(shared_.log, shared_.session, call->second.input))
      context.arguments = arguments.emplace(std::move(*bytes));
  }
  return shared_.policies.judge(body, context);
}

void RunCheck::check_decision(storage::Event const& event, storage::PolicyDecided const& body) {
  auto const again = judge(event, body);
  if (again.verdict == Verdict::holds) return;
  found("decision",
        event.sequence,
        again.why,
        again.verdict == Verdict::fails ? Severity::failure : Severity::warning);
}

void RunCheck::take_decision(storage::Event const& event, storage::PolicyDecided const& body) {
  if (shared_.is_journal) return check_decision(event, body);
  auto* const operation = find(event);
  if (operation == nullptr) return;
  if (operation->ended != 0)
    found("permit",
          event.sequence,
          "a decision for operation " + number(event.operation) + ", which had ended at " +
              number(operation->ended));
  if (body.attempt != operation->started + 1)
    found("attempt",
          event.sequence,
          "a decision for attempt " + number(body.attempt) + "; the next one is " +
              number(operation->started + 1));
  if (body.input_digest != operation->input_digest)
    found("permit", event.sequence, "the decision is about another input than was requested");
  if (body.action != action_of(operation->kind) || body.resource != operation->name)
    found("permit",
          event.sequence,
          "the decision is about " + body.action + " " + body.resource + ", requested was " +
              std::string(name_of(operation->kind)) + " " + operation->name);
  check_decision(event, body);
  if (auto wrong = wrong_attributes(state_, event.operation, body, last_time_); !wrong.empty())
    found("decision", event.sequence, std::move(wrong));
  operation->decided = body;
  auto const open = state_.operations.find(event.operation);
  bool const unsure = open != state_.operations.end() && open->second.unsure;
  if (body.effect == storage::DecisionEffect::deny && !unsure) {
    operation->denied = true;
    operation->ended = event.sequence;
  }
}

void RunCheck::take_start(storage::Event const& event, storage::AttemptStarted const& body) {
  auto* const operation = find(event);
  if (operation == nullptr) return;
  auto const attempt =
      "attempt " + number(body.attempt) + " of operation " + number(event.operation);
  if (operation->ended != 0 && !operation->denied)
    found("attempt",
          event.sequence,
          attempt + " was started after the operation had ended, at " + number(operation->ended));
  if (body.attempt != operation->started + 1)
    found("attempt", event.sequence, attempt + " follows attempt " + number(operation->started));
  if (operation->attempt_open)
    found(
        "attempt", event.sequence, attempt + " was started while the one before it was under way");
  auto const permit = operation->decided
                          ? engine::Permit::from(run_, event.operation, *operation->decided)
                          : std::nullopt;
  if (!permit) {
    found("permit",
          event.sequence,
          attempt + (operation->decided ? " was started although policy denied it"
                                        : " was started without a decision"));
  } else if (!permit->covers(run_, event.operation, body.attempt, body.input_digest)) {
    found("permit", event.sequence, attempt + " is not what the decision before it permits");
  }
  if (operation->decided) {
    auto const missing = missing_approval(state_, event.operation, *operation->decided, last_time_);
    if (!missing.empty()) found("approval", event.sequence, attempt + " " + missing);
  }
  if (body.input_digest != operation->input_digest)
    found("permit", event.sequence, attempt + " was started with another input than was requested");
  complain(event, made_again(state_, event.operation), "doubt");
  operation->started = std::max(operation->started, body.attempt);
  operation->attempt_open = true;
}

void RunCheck::take_result(storage::Event const& event,
                           std::uint32_t attempt,
                           storage::Payload const& result) {
  auto* const operation = find(event);
  if (operation == nullptr) return;
  if (ends_a_doubt(state_, event.operation)) {
    complain(event, wrong_end(state_, event.operation, result), "doubt");
    return take_end(event);
  }
  if (operation->ended != 0) {
    found("attempt",
          event.sequence,
          "a result of operation " + number(event.operation) + ", which had ended at " +
              number(operation->ended));
  } else if (!operation->attempt_open || attempt != operation->started) {
    found("attempt",
          event.sequence,
          "a result of attempt " + number(attempt) + " of operation " + number(event.operation) +
              ", which was not under way");
  }
  operation->attempt_open = false;
  if (operation->ended == 0) operation->ended = event.sequence;
}

bool RunCheck::is_approval(storage::Event const& event) const {
  auto const open = state_.operations.find(event.operation);
  return open != state_.operations.end() && open->second.kind == storage::OperationKind::approval;
}

void RunCheck::take_approval(storage::Event const& event, storage::OperationCompleted const& body) {
  complain(event, wrong_outcome(state_.operations.at(event.operation), body, last_time_));
  take_end(event);
}

void RunCheck::complain(storage::Event const& event, std::string what, std::string_view check) {
  if (!what.empty()) found(check, event.sequence, std::move(what));
}

void RunCheck::take_failure(storage::Event const& event, std::uint32_t attempt) {
  auto* const operation = find(event);
  if (operation == nullptr) return;
  if (!operation->attempt_open || attempt != operation->started || operation->ended != 0)
    found("attempt",
          event.sequence,
          "a failure of attempt " + number(attempt) + " of operation " + number(event.operation) +
              ", which was not under way");
  operation->attempt_open = false;
}

void RunCheck::take_orphan(storage::Event const& event, storage::AttemptOrphaned const& body) {
  auto* const operation = find(event);
  if (operation == nullptr) return;
  if (body.attempt == 0 || body.attempt > operation->started)
    found("attempt",
          event.sequence,
          "attempt " + number(body.attempt) + " of operation " + number(event.operation) +
              " was orphaned but never started");
  if (body.attempt == operation->started) operation->attempt_open = false;
}

void RunCheck::take_end(storage::Event const& event) {
  auto* const operation = find(event);
  if (operation == nullptr) return;
  if (operation->ended != 0)
    found("operation",
          event.sequence,
          "operation " + number(event.operation) + " ended a second time; first at " +
              number(operation->ended));
  operation->ended = event.sequence;
}

void RunCheck::take_answer(storage::Event const& event, storage::AnswerGiven const& body) {
  if (saw_unknown_) return;
  if (!std::ranges::binary_search(signals_, body.turn))
    found("answer",
          event.sequence,
          "the answer is to sequence " + number(body.turn) + ", which is no signal before it");
  if (body.source == OperationId::none) return;
  auto const source = operations_.find(body.source);
  if (source == operations_.end() || source->second.ended == 0 || source->second.denied)
    found("answer",
          event.sequence,
          "the answer comes from operation " + number(body.source) +
              ", which has no result before it");
}

// ---- what lies beside the steps ----

Result<> RunCheck::take_checkpoint(storage::Event const& event,
                                   storage::CheckpointTaken const& body) {
  checkpoints_.push_back(event.sequence);
  TRY(auto const stored, shared_.log.newest_checkpoint(shared_.session, run_, event.sequence));
  if (!stored || stored->sequence != event.sequence) {
    found("checkpoint",
          event.sequence,
          "the checkpoint is not in the store; replay begins earlier",
          Severity::warning);
  } else if (stored->bytes.size() != body.size_bytes ||
             storage::sha256({stored->bytes}) != body.state_digest) {
    found("checkpoint",
          event.sequence,
          "the stored checkpoint does not have the digest that was recorded");
  }
  return {};
}

Result<> RunCheck::check_payload(storage::Event const& event,
                                 storage::Payload const& payload,
                                 storage::Digest const* recorded) {
  if (!payload.artifact && recorded == nullptr) return {};
  std::string fetched;
  std::string_view bytes = payload.bytes;
  if (payload.artifact) {
    auto artifact = shared_.log.artifact(shared_.session, payload.artifact->digest);
    if (!artifact && artifact.error().code == Errc::io) return artifact.error();
    if (!artifact) {
      found("artifact", event.sequence, artifact.error().detail);
      return {};
    }
    fetched = std::move(*artifact);
    bytes = fetched;
  }
  if (!shared_.digester) {
    if (!std::exchange(said_undecidable_, true))
      found("digest",
            event.sequence,
            "the session's key is gone: no digest of a payload can be checked",
            Severity::undecidable);
    return {};
  }
  auto const digest = shared_.digester->digest(bytes);
  if (payload.artifact &&
      (payload.artifact->digest != digest || payload.artifact->size_bytes != bytes.size()))
    found("artifact",
          event.sequence,
          "artifact " + storage::to_hex(payload.artifact->digest) + " does not have its digest");
  if (recorded != nullptr && *recorded != digest)
    found(
        "digest", event.sequence, "the payload does not have the digest that was recorded with it");
  return {};
}

}  // namespace dalsegno::forensics
