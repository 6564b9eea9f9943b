#include "engine/session/session.h"

#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/session/checkpoint.h"
#include "engine/session/overloaded.h"
#include "engine/session/random.h"

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
  session->state_ = std::move(decoded.state);
  session->random_position_ = decoded.random_position;
  session->next_entry_ = std::move(decoded.workflow_state);
  return session;
}

Session::~Session() = default;

// ---- inputs ----

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
  run_input(OperationId::none, std::move(body));
  TRY(auto result, end_live_step());
  result.append.secret = secret_;
  return result;
}

Result<std::optional<StepResult>> Session::handle(Input const& input, Ambient const& ambient) {
  if (state_.status == SessionStatus::held) {
    return Error{Errc::held,
                 "session " + to_string(state_.session) +
                     " is held: it takes no input until it is released"};
  }
  auto const* const signal = std::get_if<SignalInput>(&input);
  if (state_.status != SessionStatus::open) {
    if (signal == nullptr) return std::nullopt;
    return Error{Errc::ended,
                 "session " + to_string(state_.session) + " has ended and takes no signals"};
  }
  if (signal != nullptr) return handle_signal(*signal, ambient);

  auto const id = std::visit(overloaded{[](SignalInput const&) { return OperationId::none; },
                                        [](auto const& other) { return other.operation; }},
                             input);
  auto const found = state_.operations.find(id);
  auto const* const operation = found == state_.operations.end() ? nullptr : &found->second;
  now_ = std::max(ambient.now, state_.last_time);
  auto body = std::visit(
      overloaded{
          [&](SignalInput const&) -> std::optional<storage::EventBody> { return std::nullopt; },
          [&](ResultInput const& result) { return body_of(result, id, operation); },
          [&](FailureInput const& failure) { return body_of(failure, id, operation); },
          [&](TimerInput const& timer) { return body_of(timer, id, operation); },
          [&](OrphanInput const& orphan) { return body_of(orphan, id, operation); },
      },
      input);
  if (!body) return std::nullopt;
  begin_live_step(ambient, operation == nullptr ? 0 : operation->cause);
  if (auto* const payload = result_payload(*body))
    *payload = make_payload(std::move(payload->bytes));
  run_input(id, std::move(*body));
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

Result<std::optional<StepResult>> Session::handle_signal(SignalInput const& signal,
                                                         Ambient const& ambient) {
  if (state_.inbox.size() >= max_inbox && !awaited(state_, signal.signal)) {
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
  begin_live_step(ambient, 0);
  storage::InputReceived body;
  body.signal = signal.signal;
  body.producer_key = signal.producer_key;
  body.principal = signal.principal;
  body.payload_digest = digest_of(signal.payload);
  body.payload = make_payload(signal.payload);
  run_input(OperationId::none, std::move(body));
  bool const waits = !state_.inbox.empty() && !events_.empty() &&
                     state_.inbox.back().sequence == events_.front().sequence;
  if (waits && state_.inbox.back().payload.artifact) {
    not_yet_durable_.emplace_back(state_.inbox.back().sequence, artifacts_.front());
  }
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

void Session::durable_up_to(Sequence last) {
  while (!not_yet_durable_.empty() && not_yet_durable_.front().first <= last)
    not_yet_durable_.pop_front();
}

namespace {

/// The event for a result that came after its attempt had been given up.
std::optional<storage::EventBody> late(std::uint32_t attempt) {
  return storage::AttemptOrphaned{
      attempt, "its result came late and was not applied", std::nullopt};
}

bool awaits(OpenOperation const* operation, std::uint32_t attempt) {
  return operation != nullptr && operation->attempt_open && operation->attempt == attempt;
}

}  // namespace

std::optional<storage::EventBody> Session::body_of(ResultInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  if (!awaits(operation, input.attempt)) return late(input.attempt);
  if (input.payload.size() > storage::max_artifact_bytes) {
    return body_of(
        FailureInput{id,
                     input.attempt,
                     "result_too_large",
                     "the result has " + std::to_string(input.payload.size()) + " bytes; at most " +
                         std::to_string(storage::max_artifact_bytes) + " are allowed",
                     false},
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
                                   input.cached_tokens};
  }
  if (operation->kind == OperationKind::tool) {
    return storage::ToolCompleted{input.attempt, std::move(payload), input.is_error};
  }
  return storage::OperationCompleted{input.attempt, std::move(payload)};
}

std::optional<storage::EventBody> Session::body_of(FailureInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  if (!awaits(operation, input.attempt)) return late(input.attempt);
  auto const failed = operation->failed + 1;
  bool const again = input.retryable &&
                     (operation->retry.max_attempts == 0 || failed < operation->retry.max_attempts);
  std::optional<Time> retry_at;
  if (again) retry_at = now_ + retry_delay(id, failed);
  constexpr std::size_t longest_message = 4'096;
  return storage::AttemptFailed{input.attempt,
                                input.type,
                                input.message.substr(0, longest_message),
                                input.retryable,
                                retry_at};
}

std::optional<storage::EventBody> Session::body_of(TimerInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  if (operation == nullptr || operation->timer_due != input.due || input.due > now_)
    return std::nullopt;
  if (operation->attempt_open) {
    return body_of(FailureInput{id,
                                operation->attempt,
                                "timeout",
                                "the attempt took longer than " +
                                    std::to_string(operation->start_to_close_ms) + " ms",
                                true},
                   id,
                   operation);
  }
  return storage::TimerFired{input.due};
}

std::optional<storage::EventBody> Session::body_of(OrphanInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  if (!awaits(operation, input.attempt)) return std::nullopt;
  std::optional<Time> retry_at;
  auto const orphaned = operation->orphaned + 1;
  if (orphaned <= max_orphaned_attempts) {
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
                 [](auto&) -> storage::Payload* { return nullptr; }},
      body);
}

std::chrono::microseconds Session::retry_delay(OperationId id, std::uint32_t failed) const {
  auto const issued = issued_.find(id);
  auto const policy = issued == issued_.end() ? RetryPolicy{} : issued->second.options.retry;
  auto const& recorded = state_.operations.at(id).retry;
  auto const unit =
      unit_interval(mix(state_.random_seed ^ mix(static_cast<std::uint64_t>(id)), failed));
  return backoff(recorded, policy.jitter, failed, unit);
}

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
  apply_event(event);
  std::visit(
      overloaded{
          [&](storage::SessionStarted const& body) { enter(payload_text(body.input)); },
          [&](storage::InputReceived const& body) {
            if (live() && !body.producer_key.empty()) {
              producer_keys_.push_back({body.producer_key, event.sequence});
            }
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
              again_or_fail(id, body.retry_at, "orphaned_too_often", body.reason);
            }
          },
          [&](storage::TimerFired const&) { on_timer(id, kind); },
          [&](auto const&) {},
      },
      event.body);
  drain();
}

void Session::on_timer(OperationId id, OperationKind kind) {
  if (kind == OperationKind::sleep || kind == OperationKind::receive) {
    detail::Outcome outcome;
    outcome.kind = kind == OperationKind::sleep ? detail::OutcomeKind::completed
                                                : detail::OutcomeKind::timed_out;
    end_operation(id, std::move(outcome));
  } else if (state_.operations.contains(id)) {
    begin_attempt(id);
  }
}

void Session::again_or_fail(OperationId id,
                            std::optional<Time> retry_at,
                            std::string const& type,
                            std::string const& message) {
  if (retry_at) {
    if (*retry_at <= now_) begin_attempt(id);
    return;  // else its timer is armed
  }
  auto const attempts = state_.operations.at(id).attempt;
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
  issued.outcome = std::move(outcome);
  if (auto* const waiter = std::exchange(issued.waiter, nullptr)) waiter->done();
}

void Session::begin_attempt(OperationId id) {
  auto const& operation = state_.operations.at(id);
  auto const attempt = operation.attempt + 1;
  storage::PolicyDecided decided;
  decided.attempt = attempt;
  decided.action = action_of(operation.kind);
  decided.resource = operation.name;
  decided.input_digest = operation.input_digest;
  if (live()) {
    decided.principal = state_.principal;
    auto decision = policy_->decide({decided.principal,
                                     state_.session.tenant,
                                     state_.session.name,
                                     state_.workflow,
                                     decided.action,
                                     decided.resource});
    decided.effect =
        decision.permitted ? storage::DecisionEffect::permit : storage::DecisionEffect::deny;
    decided.policy = policy_->digest();
    decided.rules = std::move(decision.rules);
    decided.reason = std::move(decision.reason);
  }
  // In replay the recorded decision is read, never made again: only what was asked is compared.
  auto const& event = command(id, std::move(decided));
  auto const& decision = std::get<storage::PolicyDecided>(event.body);
  auto const permit = Permit::from(state_.run, id, decision);
  if (!permit) {
    detail::Outcome outcome;
    outcome.kind = detail::OutcomeKind::denied;
    outcome.message = decision.reason;
    outcome.rules = decision.rules;
    end_operation(id, std::move(outcome));
    return;
  }
  command(id, storage::AttemptStarted{attempt, operation.input_digest});
  if (live()) {
    effects_.emplace_back(StartAttempt{*permit,
                                       state_.session,
                                       state_.run,
                                       id,
                                       attempt,
                                       epoch_,
                                       operation.kind,
                                       operation.name,
                                       issued_.at(id).input,
                                       operation.input_digest});
  }
}

std::string_view Session::action_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::model:
      return "model.call";
    case OperationKind::tool:
      return "tool.call";
    default:
      return "activity.call";
  }
}

void Session::enter(std::string input) {
  // Nothing of the frame before may show: a recovery that begins here does not know it.
  at_entry_ = true;
  commands_since_entry_ = 0;
  last_taken_ = OperationId::none;
  root_ = workflow_.enter(context_, std::move(input));
  make_ready(root_.handle(), detail::TaskId::root);
}

void Session::drain() {
  while (!stopped_) {
    cancel_dropped();
    if (next_entry_) {
      auto input = std::move(*next_entry_);
      next_entry_.reset();
      leave();
      enter(std::move(input));
      continue;
    }
    if (root_.done()) {
      finish();
      return;
    }
    if (ready_.empty()) return;
    auto const next = ready_.front();
    ready_.pop_front();
    current_task_ = next.task;
    next.handle.resume();
    current_task_ = detail::TaskId::root;
  }
}

/// Destroys the frames and forgets what the code waited for.
void Session::leave() {
  root_.reset();
  ready_.clear();
  issued_.clear();
  tasks_.clear();
  dropped_.clear();
}

/// An operation whose object the code let go is cancelled: a receiver that nobody waits with must
/// not take a signal.
void Session::cancel_dropped() {
  if (dropped_.empty() || root_.done()) return;  // an end cancels all that is open
  auto dropped = std::exchange(dropped_, {});
  std::ranges::sort(dropped);
  for (auto const id : dropped) {
    issued_.erase(id);
    if (state_.operations.contains(id))
      command(id, storage::OperationCancelled{"the workflow let it go"});
  }
}

void Session::finish() {
  std::optional<storage::EventBody> end;
  AnnounceEnd announcement;
  try {
    announcement.result = root_.handle().promise().take();
    end = storage::SessionCompleted{make_payload(announcement.result),
                                    static_cast<std::uint32_t>(state_.inbox.size())};
  } catch (Stop const&) {
    stopped_ = true;
    return;
  } catch (Failure const& failure) {
    announcement.status = SessionStatus::failed;
    announcement.type = failure.type();
    announcement.message = failure.what();
    end = storage::SessionFailed{announcement.type, announcement.message};
  } catch (std::exception const& error) {
    return blame_code(error.what());
  } catch (...) {
    return blame_code("something that is no std::exception");
  }
  cancel_open_operations("the session ended");
  command(OperationId::none, std::move(*end));
  if (live()) effects_.emplace_back(std::move(announcement));
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
  for (auto const id : open) command(id, storage::OperationCancelled{reason});
}

// ---- events ----

storage::Event const& Session::command(OperationId id, storage::EventBody body) {
  if (stopped_) throw Stop{};
  storage::Event event{state_.last_sequence + 1, id, std::move(body)};
  if (live()) {
    if (events_.size() >= storage::max_events_per_step) {
      step_error_ = Error{Errc::too_large,
                          "one step of session " + to_string(state_.session) + " has more than " +
                              std::to_string(storage::max_events_per_step) + " events: workflow " +
                              workflow_.name + " does not wait for anything"};
      stopped_ = true;
      throw Stop{};
    }
    apply_event(event);
    return events_.emplace_back(std::move(event));
  }
  auto const* const recorded = next_recorded();
  if (recorded == nullptr) {
    diverge(std::nullopt, std::move(event), {});
    throw Stop{};
  }
  if (auto fields = differing_fields(*recorded, event); !fields.empty()) {
    diverge(*recorded, std::move(event), std::move(fields));
    throw Stop{};
  }
  ++recorded_next_;
  apply_event(*recorded);
  return *recorded;
}

void Session::apply_event(storage::Event const& event) {
  auto const due = [this, &event]() -> std::optional<Time> {
    auto const found = state_.operations.find(event.operation);
    return found == state_.operations.end() ? std::nullopt : found->second.timer_due;
  };
  if (!live()) {
    delivery_ = apply(state_, event, now_);
    return;
  }
  auto const before = due();
  delivery_ = apply(state_, event, now_);
  note_timer(event.operation, before, due());
  if (delivery_) {
    // A receiver with a deadline that got its signal needs its timer no more.
    note_timer_gone(delivery_->receiver);
  }
}

void Session::note_timer(OperationId id, std::optional<Time> before, std::optional<Time> after) {
  if (before == after) return;
  auto const [found, fresh] = timers_.try_emplace(id, before, after);
  if (!fresh) found->second.second = after;
}

void Session::note_timer_gone(OperationId id) {
  auto const issued = issued_.find(id);
  if (issued == issued_.end() || !issued->second.deadline) return;
  note_timer(id, issued->second.deadline, std::nullopt);
}

storage::Payload Session::make_payload(std::string bytes) {
  storage::Payload payload;
  if (bytes.size() <= storage::max_inline_payload_bytes) {
    payload.bytes = std::move(bytes);
    return payload;
  }
  auto const digest = digester_.digest(bytes);
  payload.artifact = storage::ArtifactRef{digest, bytes.size()};
  if (live()) artifacts_.push_back({digest, std::move(bytes)});
  return payload;
}

storage::Digest Session::digest_of(std::string_view bytes) const { return digester_.digest(bytes); }

std::string Session::payload_text(storage::Payload const& payload) {
  if (!payload.artifact) return payload.bytes;
  auto const here =
      std::ranges::find(artifacts_, payload.artifact->digest, &storage::StoredArtifact::digest);
  if (here != artifacts_.end()) return here->bytes;
  for (auto const& [sequence, artifact] : not_yet_durable_) {
    if (artifact.digest == payload.artifact->digest) return artifact.bytes;
  }
  auto loaded = environment_.load_artifact
                    ? environment_.load_artifact(payload.artifact->digest)
                    : Result<std::string>(Error{Errc::not_found, "no artifacts here"});
  if (!loaded) {
    step_error_ =
        Error{loaded.error().code,
              "session " + to_string(state_.session) + ": artifact " +
                  storage::to_hex(payload.artifact->digest) + ": " + loaded.error().detail};
    stopped_ = true;
    throw Stop{};
  }
  return std::move(*loaded);
}

void Session::begin_live_step(Ambient const& ambient, Sequence cause) {
  mode_ = Mode::live;
  now_ = std::max(ambient.now, state_.last_time);
  epoch_ = ambient.epoch;
  policy_ = &ambient.policy;
  cause_ = cause;
  events_.clear();
  effects_.clear();
  artifacts_.clear();
  checkpoints_.clear();
  producer_keys_.clear();
  timers_.clear();
  step_error_.reset();
}

Result<StepResult> Session::end_live_step() {
  policy_ = nullptr;
  if (step_error_) return *step_error_;
  storage::Step step;
  step.header.log_id = state_.log_id;
  step.header.session = state_.session;
  step.header.run = state_.run;
  step.header.first_sequence = events_.front().sequence;
  step.header.epoch = epoch_;
  step.header.previous = state_.hash;
  step.header.recorded_at = now_;
  step.header.cause = cause_;
  step.events = std::move(events_);
  TRY(auto encoded, storage::encode(step));
  apply_step_end(state_, step.header, encoded.hash);

  StepResult result;
  auto& append = result.append;
  append.session = state_.session;
  append.run = state_.run;
  append.expected_sequence = step.header.first_sequence - 1;
  append.first_sequence = step.header.first_sequence;
  append.epoch = epoch_;
  append.step = std::move(encoded);
  append.head = head_of(state_);
  for (auto const& [id, change] : timers_) {
    if (change.first == change.second) continue;
    if (change.first)
      append.timers_cleared.push_back({*change.first, state_.session, state_.run, id});
    if (change.second)
      append.timers_set.push_back({*change.second, state_.session, state_.run, id});
  }
  append.producer_keys = std::move(producer_keys_);
  append.checkpoints = std::move(checkpoints_);
  append.artifacts = std::move(artifacts_);
  result.events = std::move(step.events);
  result.recorded_at = now_;
  result.effects = std::move(effects_);
  return result;
}

// ---- what others ask ----

std::vector<OrphanInput> Session::open_attempts(std::string const& reason) const {
  std::vector<OrphanInput> open;
  for (auto const& [id, operation] : state_.operations) {
    if (operation.attempt_open) open.push_back({id, operation.attempt, reason});
  }
  return open;
}

bool Session::has_open_attempt() const {
  return std::ranges::any_of(state_.operations,
                             [](auto const& entry) { return entry.second.attempt_open; });
}

}  // namespace dalsegno::engine
