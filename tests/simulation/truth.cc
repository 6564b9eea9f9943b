#include "tests/simulation/truth.h"

#include "engine/session/overloaded.h"
#include "engine/session/random.h"
#include "tests/engine/replay/program.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <variant>

namespace dalsegno::simulation {

std::string const resolution = R"("so says ann")";

namespace {

using engine::overloaded;

std::string place(SessionId const& session, Sequence sequence) {
  return to_string(session) + " event " + std::to_string(sequence);
}

std::string number_of(OperationId operation) {
  return std::to_string(static_cast<std::uint64_t>(operation));
}

std::string_view view(storage::Digest const& digest) {
  return {reinterpret_cast<char const*>(digest.bytes.data()), digest.bytes.size()};
}

std::chrono::milliseconds ms(std::uint64_t count) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(count));
}

bool is_of_the_store(SessionId const& session) { return session.tenant.starts_with('_'); }

/// When the next attempt may start after the `failed`-th failure, as the retry policy of the
/// operation and the session's recorded seed have it.
Time next_attempt(Time now, SessionTruth const& truth, OperationId id, std::uint32_t failed) {
  auto const& retry = truth.operations.at(id).requested.retry;
  auto const unit = engine::unit_interval(
      engine::mix(truth.random_seed ^ engine::mix(static_cast<std::uint64_t>(id)), failed));
  return now + engine::backoff(retry, retry.jitter, failed, unit);
}

/// Looks at one event of a session.
class Look {
 public:
  Look(Findings& findings,
       SessionId const& session,
       SessionTruth& truth,
       Family& family,
       storage::Event const& event,
       Time recorded_at)
      : findings_(findings),
        session_(session),
        truth_(truth),
        family_(family),
        event_(event),
        now_(recorded_at) {}

  void start(storage::SessionStarted const& started) {
    require(event_.sequence == 1, "no_gaps", "SessionStarted is not the first event");
    truth_.random_seed = started.random_seed;
    truth_.origin = started.origin;
    if (!truth_.before.empty()) return;
    truth_.first_seed = started.random_seed;
    truth_.input = started.input.bytes;
    if (started.origin) family_.began(session_, truth_.run, *started.origin);
  }

  void input(storage::InputReceived const& input) {
    if (input.carried_from > 0) return carry(input.carried_from);
    if (input.update) {
      update(input);
    } else {
      ++truth_.received[input.signal];
    }
    if (input.producer_key.empty()) return;
    auto& places = truth_.inputs[input.producer_key];
    require(places.empty(), "inputs_once", "producer key " + input.producer_key + " a second time");
    places.emplace(truth_.run, event_.sequence);
  }

  void update(storage::InputReceived const& input) {
    auto const number = from_json<std::int64_t>(input.payload.bytes);
    require(number && engine::test::result_of_update(*number),
            "updates",
            "an update was taken in that was to be refused");
    require(!truth_.paused, "updates", "an update was taken in while the session was paused");
    truth_.updates.emplace(event_.sequence, number.value_or(0));
  }

  void end_update(storage::UpdateEnded const& ended) {
    auto const known = truth_.updates.extract(ended.update);
    require(!known.empty(), "updates", "the end of an update that is not under way");
    if (known.empty()) return;
    require(ended.type.empty() || (ended.type == "cancelled" && may_be_cancelled()),
            "updates",
            "an update failed: " + ended.type);
    require(
        !ended.type.empty() || ended.result.bytes == engine::test::result_of_update(known.mapped()),
        "updates",
        "another result than that of its handler: " + ended.result.bytes);
    truth_.updated.emplace(truth_.run, ended.update);
  }

  [[nodiscard]] bool may_be_cancelled() const {
    return truth_.cancel_requested || truth_.told_to_end;
  }

  /// Once the first step of a run is through: also where that step continues it again.
  void all_carried() {
    require(
        truth_.to_carry.value_or(0) == 0, "inputs_once", "unread signals were not carried over");
  }

  /// A signal that the run before had not received.
  void carry(Sequence sequence) {
    require(truth_.to_carry.value_or(0) > 0, "inputs_once", "more signals than were unread");
    if (truth_.to_carry.value_or(0) > 0) --*truth_.to_carry;
    for (auto& [key, places] : truth_.inputs)
      if (places.contains({truth_.before.back().first, sequence}))
        places.emplace(truth_.run, event_.sequence);
  }

  void continue_run(storage::ContinuedAsNew const& continued) {
    all_carried();
    truth_.to_carry = continued.unread_signals;
    end_session(storage::SessionStatus::continued);
  }

  void request(storage::OperationRequested const& requested) {
    auto& operation = truth_.operations[event_.operation];
    operation.requested = requested;
    operation.since = now_;
    if (requested.kind == storage::OperationKind::receive) ++truth_.receivers[requested.name];
  }

  /// A sleep without a name begins with this.
  void arm() { truth_.operations[event_.operation]; }

  void decide(storage::PolicyDecided const& decided) {
    auto& operation = of_event();
    require(decided.input_digest == operation.requested.input_digest,
            "permitted",
            "a decision about other arguments than were asked for");
    if (decided.effect == storage::DecisionEffect::permit)
      operation.permitted.insert(decided.attempt);
  }

  void attempt(storage::AttemptStarted const& started) {
    auto& operation = of_event();
    auto const number = std::to_string(started.attempt);
    require(!operation.ended, "effects", "attempt " + number + " of an operation that has ended");
    require(!operation.open_attempt, "effects", "attempt " + number + " beside another one");
    require(operation.started.insert(started.attempt).second,
            "effects",
            "attempt " + number + " again");
    require(operation.permitted.contains(started.attempt),
            "permitted",
            "attempt " + number + " without a decision that permits it");
    require(started.input_digest == operation.requested.input_digest,
            "permitted",
            "attempt " + number + " with other arguments than were asked for");
    require(!operation.not_before || now_ >= *operation.not_before,
            "retries",
            "attempt " + number + " before its time");
    require(operation.requested.name != "approved" || operation.granted_by.size() >= 2,
            "permitted",
            "attempt " + number + " without the approval of two");
    require(
        !operation.unsure || operation.requested.terms.effect != storage::EffectClass::at_most_once,
        "at_most_once",
        "attempt " + number + ", though the one before it may have had its effect");
    require(!operation.in_doubt, "at_most_once", "attempt " + number + " of a call in doubt");
    operation.open_attempt = started.attempt;
    operation.deferred = false;
    operation.started_at = now_;
    operation.alive_at = now_;
  }

  void start_child(storage::ChildStarted const& started) {
    auto& operation = of_event();
    require(operation.permitted.contains(started.attempt),
            "permitted",
            "a session was asked for without a decision that permits it");
    require(started.input_digest == operation.requested.input_digest,
            "permitted",
            "a session was asked for with other arguments");
    require(operation.requested.child && operation.requested.child->session == started.session,
            "children",
            "another session than was asked for");
    family_.asked_for(truth_.run,
                      event_.operation,
                      {session_.tenant, started.session},
                      operation.requested.child && operation.requested.child->detached);
  }

  void end_child(storage::ChildEnded const& ended, SessionTruth const* child) {
    family_.reported(truth_.run, event_.operation, ended, child);
    // What a child gives that was told to end, or lost one of its own, nobody can predict.
    bool const cut_short = child != nullptr && (child->child_cut_short || child->cancel_requested ||
                                                child->told_to_end);
    if (ended.outcome != storage::ChildOutcome::completed || cut_short)
      truth_.child_cut_short = true;
    end_operation();
  }

  void cancel_operation(storage::OperationCancelled const& cancelled) {
    end_operation();
    if (cancelled.told) family_.told(truth_.run, event_.operation, *cancelled.told);
  }

  void hear_of_parent(storage::ParentEnded const& ended) {
    require(truth_.origin.has_value(), "children", "it has no parent");
    if (!truth_.origin) return;
    require(!truth_.told_to_end, "children", "its parent ended twice");
    family_.heard(session_, *truth_.origin, ended);
    truth_.told_to_end = ended.close != storage::ParentClose::abandon;
  }

  void request_cancel(storage::CancelRequested const& asked) {
    truth_.cancel_requested = true;
    if (truth_.origin && asked.by == "session " + truth_.origin->session)
      family_.heard_to_end(session_, *truth_.origin);
  }

  void defer(storage::AttemptDeferred const& deferred) {
    auto& operation = of_event();
    require(operation.open_attempt == deferred.attempt && !operation.deferred,
            "effects",
            "an attempt was left to somebody outside that is not under way, or was before");
    operation.deferred = true;
  }

  void fail(storage::AttemptFailed const& failed) {
    auto& operation = of_event();
    close(operation, failed.attempt);
    ++operation.failed;
    auto const most = operation.requested.retry.max_attempts;
    auto const& terms = operation.requested.terms;
    bool may_retry = failed.retryable && (most == 0 || operation.failed < most);
    if (failed.outcome_unknown && terms.effect == storage::EffectClass::at_most_once)
      may_retry = false;
    auto const next = next_attempt(now_, truth_, event_.operation, operation.failed);
    if (terms.schedule_to_close_ms > 0 && next >= operation.since + ms(terms.schedule_to_close_ms))
      may_retry = false;
    operation.unsure = failed.outcome_unknown;
    require(
        failed.type != "no_way" || !failed.retryable, "retries", "a hopeless failure is retryable");
    require(failed.retry_at.has_value() == may_retry,
            "retries",
            "after failure " + std::to_string(operation.failed) + " of at most " +
                std::to_string(most));
    check_timeout(operation, failed);
    if (failed.retry_at) {
      require(*failed.retry_at == next, "retries", "the delay is not that of the retry policy");
      operation.not_before = failed.retry_at;
    }
  }

  /// No limit of time is passed too early, and what must not be repeated then is not.
  void check_timeout(OperationTruth& operation, storage::AttemptFailed const& failed) {
    auto const& requested = operation.requested;
    auto const& terms = requested.terms;
    auto const passed = [&](Time since, std::uint64_t limit) {
      require(limit > 0 && now_ >= since + ms(limit),
              "timers",
              "an attempt timed out before its time: " + failed.type);
    };
    if (failed.type == "start_to_close_timeout")
      passed(operation.started_at, requested.start_to_close_ms);
    if (failed.type == "heartbeat_timeout") passed(operation.alive_at, terms.heartbeat_ms);
    if (failed.type == "schedule_to_start_timeout") {
      passed(operation.started_at, terms.schedule_to_start_ms);
      operation.unbegun.insert(failed.attempt);
    }
    if (failed.type == "schedule_to_close_timeout")
      passed(operation.since, terms.schedule_to_close_ms);
    // The log says that it had no effect.
    if (failed.type.ends_with("_timeout") && !operation.unsure && !failed.outcome_unknown &&
        terms.effect == storage::EffectClass::at_most_once)
      operation.unbegun.insert(failed.attempt);
    require(!failed.type.starts_with("schedule_to_") || !failed.retryable,
            "retries",
            failed.type + " is retryable");
  }

  void beat(storage::HeartbeatRecorded const& beat) {
    auto& operation = of_event();
    require(operation.open_attempt == beat.attempt && beat.at <= now_,
            "timers",
            "a sign of life of an attempt that is not under way, or from the future");
    operation.alive_at = beat.at;
  }

  void doubt(storage::OperationInDoubt const&) {
    auto& operation = of_event();
    require(operation.unsure && !operation.open_attempt &&
                operation.requested.terms.effect != storage::EffectClass::idempotent,
            "at_most_once",
            "in doubt about what is certain");
    operation.in_doubt = true;
  }

  void resolve(storage::DoubtResolved const& resolved) {
    auto& operation = of_event();
    require(operation.in_doubt, "at_most_once", "resolved, and it was not in doubt");
    operation.in_doubt = false;
    operation.resolved = resolved.resolution;
    if (resolved.resolution != storage::DoubtResolution::retry) return;
    ++operation.retries;
    operation.unsure = false;
    operation.not_before.reset();
  }

  void orphan(storage::AttemptOrphaned const& orphaned) {
    auto& operation = of_event();
    require(operation.started.contains(orphaned.attempt),
            "effects",
            "attempt " + std::to_string(orphaned.attempt) + " was never begun");
    if (operation.open_attempt != orphaned.attempt) return;  // a late result: recorded, not applied
    require(!operation.deferred, "effects", "what somebody outside has to end was given up");
    operation.open_attempt.reset();
    ++operation.orphaned;
    operation.unsure = operation.requested.terms.effect != storage::EffectClass::idempotent;
    operation.not_before = orphaned.retry_at;
  }

  void complete(storage::OperationCompleted const& completed) {
    auto& operation = of_event();
    require(!operation.ended, "effects", "a second end of an operation");
    if (is_resolved(operation)) {
      require(
          completed.result.bytes == resolution, "at_most_once", "another result than was given");
    } else if (completed.attempt != 0) {
      close(operation, completed.attempt);
    }
    operation.ended = true;
  }

  void end_operation() { of_event().ended = true; }

  /// It ends with what a person said.
  static bool is_resolved(OperationTruth const& operation) {
    return operation.resolved == storage::DoubtResolution::completed && !operation.open_attempt;
  }
  [[nodiscard]] bool is_resolved() { return is_resolved(of_event()); }

  void fire(storage::TimerFired const& fired, Time latest_clock) {
    if (auto const found = truth_.operations.find(event_.operation);
        found != truth_.operations.end() &&
        found->second.resolved == storage::DoubtResolution::retry) {
      found->second.resolved.reset();
      found->second.since = now_;  // it has its whole time again
    }
    if (event_.operation == OperationId::none) act_on_controls();
    require(now_ >= fired.due, "timers", "recorded before it was due");
    require(latest_clock >= fired.due, "timers", "fired before any clock showed that time");
  }

  /// What nobody but running code, or a call that begins, records.
  void look_whether_it_stands_still() {
    bool const moves = std::holds_alternative<storage::OperationRequested>(event_.body) ||
                       std::holds_alternative<storage::AttemptStarted>(event_.body) ||
                       std::holds_alternative<storage::TimerStarted>(event_.body) ||
                       std::holds_alternative<storage::ValueRecorded>(event_.body) ||
                       std::holds_alternative<storage::CheckpointTaken>(event_.body) ||
                       std::holds_alternative<storage::ContinuedAsNew>(event_.body) ||
                       std::holds_alternative<storage::ChildStarted>(event_.body) ||
                       std::holds_alternative<storage::UpdateEnded>(event_.body) ||
                       std::holds_alternative<storage::SessionCompleted>(event_.body);
    require(!moves || !truth_.paused, "stands_still", "it went on while it was paused");
  }

  void control(storage::ControlAsked const& asked) {
    switch (asked.verb) {
      case storage::ControlVerb::pause:
        truth_.paused = true;
        truth_.resume_asked = false;
        break;
      case storage::ControlVerb::resume:
        truth_.resume_asked = true;
        break;
      case storage::ControlVerb::cancel:
      case storage::ControlVerb::terminate:
        truth_.cancel_requested = true;
        break;
    }
  }

  void act_on_controls() {
    if (std::exchange(truth_.resume_asked, false)) truth_.paused = false;
  }

  void ask(storage::ApprovalRequested const& asked) { of_event().asked = asked; }

  void approve(storage::ApprovalGiven const& given) {
    auto& operation = of_event();
    require(given.input_digest == operation.requested.input_digest,
            "permitted",
            "an approval of other arguments");
    if (given.granted) operation.granted_by.insert(given.by);
  }

  void hold(storage::Held const& held) {
    require(false, "not_held", "held (" + held.kind + "): " + held.report);
  }

  void end_session(storage::SessionStatus status) { truth_.status = status; }

  void complete_session(storage::SessionCompleted const& completed) {
    if (!completed.result.artifact) truth_.result = completed.result.bytes;
    end_session(storage::SessionStatus::completed);
  }

  void require(bool holds, std::string_view invariant, std::string const& otherwise) {
    if (holds) return;
    findings_.add(invariant,
                  place(session_, event_.sequence) + ", " +
                      std::string(storage::name_of(event_.body)) + ": " + otherwise);
  }

 private:
  OperationTruth& of_event() {
    auto const found = truth_.operations.find(event_.operation);
    require(found != truth_.operations.end(),
            "no_gaps",
            "of operation " + number_of(event_.operation) + ", which nobody asked for");
    return truth_.operations[event_.operation];
  }

  void close(OperationTruth& operation, std::uint32_t attempt) {
    require(operation.open_attempt == attempt,
            "effects",
            "the end of attempt " + std::to_string(attempt) + ", which is not under way");
    operation.open_attempt.reset();
  }

  Findings& findings_;
  SessionId const& session_;
  SessionTruth& truth_;
  Family& family_;
  storage::Event const& event_;
  Time now_;
};

}  // namespace

void Truth::applied(storage::Append const& append, std::uint64_t newest_epoch, Time latest_clock) {
  digest_ = storage::sha256({view(digest_), view(append.step.hash)});
  look_for_secrets(append);
  if (is_of_the_store(append.session)) return;
  ++steps_;
  auto const decoded = decoder_.decode(append.step.bytes);
  if (!decoded) {
    findings_.add("chain", to_string(append.session) + ": " + decoded.error().detail);
    return;
  }
  auto const& [step, hash] = **decoded;
  auto const& header = step.header;
  auto& truth = sessions_[append.session];
  if (truth.last_sequence == 0 && truth.before.empty()) ++open_;
  auto const require = [&](bool holds, std::string_view invariant, std::string const& otherwise) {
    if (!holds)
      findings_.add(invariant, place(append.session, header.first_sequence) + ": " + otherwise);
  };
  if (append.follows) {
    require(truth.status != storage::SessionStatus::open, "effects", "begins before the end");
    require(append.follows->run == truth.run && append.follows->hash == truth.hash,
            "chain",
            "follows another end than the newest");
    SessionTruth next;
    next.hash = truth.hash;
    next.epoch = truth.epoch;
    next.last_time = truth.last_time;
    next.inputs = std::move(truth.inputs);
    next.received = std::move(truth.received);
    next.receivers = std::move(truth.receivers);
    next.first_seed = truth.first_seed;
    next.updated = std::move(truth.updated);
    next.input = std::move(truth.input);
    next.child_cut_short = truth.child_cut_short;
    next.before = std::move(truth.before);
    next.before.emplace_back(truth.run, std::move(truth.steps));
    next.to_carry = truth.to_carry;
    truth = std::move(next);
  }
  if (truth.last_sequence == 0) {
    truth.run = header.run;
    require(runs_.insert(header.run).second, "no_gaps", "a run of that id is there already");
  }
  require(header.session == append.session && header.run == truth.run,
          "no_gaps",
          "another session's step");
  require(header.first_sequence == truth.last_sequence + 1,
          "no_gaps",
          "follows " + std::to_string(truth.last_sequence));
  require(header.previous == truth.hash, "chain", "names another step as the one before");
  require(header.epoch >= truth.epoch, "one_writer", "of an epoch before that of the step before");
  require(header.epoch == newest_epoch,
          "one_writer",
          "of epoch " + std::to_string(header.epoch) + " when " + std::to_string(newest_epoch) +
              " had the store");
  require(header.recorded_at >= truth.last_time, "log_time", "log time ran backward");
  require(truth.status == storage::SessionStatus::open, "effects", "after the session's end");
  truth.hash = hash;
  truth.epoch = header.epoch;
  truth.last_time = header.recorded_at;
  truth.steps.push_back(append.step.bytes);
  for (auto const& event : step.events) {
    require(event.sequence == truth.last_sequence + 1, "no_gaps", "events out of order");
    truth.last_sequence = event.sequence;
    take(append.session, truth, event, header.recorded_at, latest_clock);
  }
  bool const has_ended = truth.status != storage::SessionStatus::open &&
                         truth.status != storage::SessionStatus::continued;
  if (has_ended && open_ > 0) --open_;
  if (append.follows && truth.status != storage::SessionStatus::continued)
    require(truth.to_carry.value_or(0) == 0, "inputs_once", "unread signals were not carried over");
}

void Truth::take(SessionId const& session,
                 SessionTruth& truth,
                 storage::Event const& event,
                 Time recorded_at,
                 Time latest_clock) {
  Look look(findings_, session, truth, family_, event, recorded_at);
  count_rare(event.body);
  auto const is_known = [&](std::uint32_t attempt) {
    look.require(performed_.contains({truth.run, event.operation, attempt}),
                 "effects",
                 "a result of attempt " + std::to_string(attempt) + ", which nobody performed");
  };
  look.look_whether_it_stands_still();
  std::visit(
      overloaded{[&](storage::SessionStarted const& body) { look.start(body); },
                 [&](storage::InputReceived const& body) { look.input(body); },
                 [&](storage::OperationRequested const& body) { look.request(body); },
                 [&](storage::TimerStarted const&) { look.arm(); },
                 [&](storage::PolicyDecided const& body) { look.decide(body); },
                 [&](storage::AttemptStarted const& body) { look.attempt(body); },
                 [&](storage::AttemptFailed const& body) {
                   if (!body.type.ends_with("_timeout")) is_known(body.attempt);
                   look.fail(body);
                 },
                 [&](storage::AttemptOrphaned const& body) { look.orphan(body); },
                 [&](storage::OperationCompleted const& body) {
                   if (body.attempt != 0 && !look.is_resolved()) is_known(body.attempt);
                   look.require(truth.operations[event.operation].requested.name !=
                                        engine::test::later.name ||
                                    offered_[{truth.run, event.operation, body.attempt}].contains(
                                        body.result.bytes),
                                "effects",
                                "a result that nobody outside has given: " + body.result.bytes);
                   look.complete(body);
                 },
                 [&](storage::OperationFailed const&) { look.end_operation(); },
                 [&](storage::OperationCancelled const& body) { look.cancel_operation(body); },
                 [&](storage::AttemptDeferred const& body) { look.defer(body); },
                 [&](storage::ChildStarted const& body) { look.start_child(body); },
                 [&](storage::ChildEnded const& body) {
                   auto const& asked = truth.operations[event.operation].requested.child;
                   look.end_child(body, asked ? find({session.tenant, asked->session}) : nullptr);
                 },
                 [&](storage::CancellationAsked const&) {
                   family_.asked_to_end(truth.run, event.operation);
                 },
                 [&](storage::ParentEnded const& body) { look.hear_of_parent(body); },
                 [&](storage::UpdateEnded const& body) { look.end_update(body); },
                 [&](storage::TimerFired const& body) { look.fire(body, latest_clock); },
                 [&](storage::ApprovalRequested const& body) { look.ask(body); },
                 [&](storage::ApprovalGiven const& body) { look.approve(body); },
                 [&](storage::HeartbeatRecorded const& body) { look.beat(body); },
                 [&](storage::OperationInDoubt const& body) { look.doubt(body); },
                 [&](storage::DoubtResolved const& body) { look.resolve(body); },
                 [&](storage::CancelRequested const& body) { look.request_cancel(body); },
                 [&](storage::ControlAsked const& body) { look.control(body); },
                 [&](storage::Held const& body) { look.hold(body); },
                 [&](storage::SessionCompleted const& body) { look.complete_session(body); },
                 [&](storage::ContinuedAsNew const& body) { look.continue_run(body); },
                 [&](storage::SessionFailed const& body) {
                   truth.failure = body.type + ": " + body.message;
                   look.end_session(storage::SessionStatus::failed);
                 },
                 [&](storage::SessionCancelled const&) {
                   look.end_session(storage::SessionStatus::cancelled);
                 },
                 [](auto const&) {}},
      event.body);
}

/// What rarely happens, for those who want to know whether it did.
void Truth::count_rare(storage::EventBody const& body) {
  auto const name = std::visit(
      overloaded{
          [](storage::AttemptFailed const& failed) -> std::string_view {
            return failed.type.ends_with("_timeout") ? failed.type : std::string_view();
          },
          [](storage::OperationInDoubt const&) -> std::string_view { return "a call in doubt"; },
          [](storage::HeartbeatRecorded const&) -> std::string_view {
            return "a heartbeat that prolongs an attempt";
          },
          [](storage::OperationCompleted const& completed) -> std::string_view {
            return completed.reconciled ? "a call that the far side had done" : "";
          },
          [](storage::AttemptDeferred const&) -> std::string_view {
            return "an attempt left to somebody outside";
          },
          [](storage::ChildEnded const& ended) -> std::string_view {
            if (ended.outcome == storage::ChildOutcome::completed) return "a child that completed";
            return ended.outcome == storage::ChildOutcome::cancelled ? "a child that was cancelled"
                                                                     : "a child that failed";
          },
          [](storage::ParentEnded const& ended) -> std::string_view {
            if (ended.close == storage::ParentClose::abandon) return "a child that is left alone";
            return ended.close == storage::ParentClose::cancel ? "a child that is to end"
                                                               : "a child that is terminated";
          },
          [](storage::CancellationAsked const&) -> std::string_view {
            return "an operation that is asked to end and waited for";
          },
          [](storage::UpdateEnded const& ended) -> std::string_view {
            return ended.type.empty() ? "an update that was answered" : "an update that failed";
          },
          [](auto const&) -> std::string_view { return ""; }},
      body);
  if (name.empty()) return;
  auto const found = rare_ends_.find(name);
  if (found == rare_ends_.end())
    rare_ends_.emplace(name, 1);
  else
    ++found->second;
}

void Truth::look_for_secrets(storage::Append const& append) const {
  if (hidden_.empty()) return;
  auto const name = to_string(append.session);
  sent(name + ": a step", append.step.bytes);
  for (auto const& checkpoint : append.checkpoints) sent(name + ": a checkpoint", checkpoint.bytes);
  for (auto const& artifact : append.artifacts) sent(name + ": an artifact", artifact.bytes);
  for (auto const& key : append.producer_keys) sent(name + ": a producer key", key.key);
  for (auto const& record : append.vault) sent(name + ": a sealed original", record.bytes);
}

void Truth::sent(std::string_view what, std::string_view text) const {
  if (!hidden_.empty() && text.contains(hidden_))
    findings_.add("secrets", std::string(what) + " has a secret in it");
}

void Truth::offered(RunId const& run,
                    OperationId operation,
                    std::uint32_t attempt,
                    std::string result) {
  offered_[{run, operation, attempt}].insert(std::move(result));
}

void Truth::performed(SessionId const& session,
                      RunId const& run,
                      OperationId operation,
                      std::uint32_t attempt) {
  auto const what = to_string(session) + " operation " + number_of(operation) + " attempt " +
                    std::to_string(attempt);
  auto const found = sessions_.find(session);
  auto const* const known = found == sessions_.end() ? nullptr : &found->second.operations;
  bool const over = known != nullptr && found->second.run != run && runs_.contains(run);
  bool const written = known != nullptr && known->contains(operation) &&
                       known->at(operation).started.contains(attempt);
  if (!written && !over)
    findings_.add("written_before_sent", what + " was performed, and the log does not have it");
  if (!performed_.emplace(run, operation, attempt).second)
    findings_.add("effects", what + " was performed twice");
  if (written && !over && known->at(operation).unbegun.contains(attempt))
    findings_.add("effects", what + " was performed, and the log says that nobody began it");
}

void Truth::had_effect(SessionId const& session,
                       RunId const& run,
                       OperationId operation,
                       unsigned count) {
  auto const found = sessions_.find(session);
  if (found != sessions_.end() && found->second.run != run) return;  // its run is over
  auto const* const known = found == sessions_.end() ? nullptr : &found->second.operations;
  auto const allowed =
      known != nullptr && known->contains(operation) ? 1 + known->at(operation).retries : 1;
  if (count > allowed)
    findings_.add("at_most_once",
                  to_string(session) + " operation " + number_of(operation) + " had its effect " +
                      std::to_string(count) + " times, and people had allowed " +
                      std::to_string(allowed));
}

SessionTruth const* Truth::find(SessionId const& session) const {
  auto const found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second;
}

void Truth::compare_with(storage::EventLog const& log) const {
  compare_heads_with(log);
  auto const compare =
      [&](SessionId const& session, RunId const& run, std::vector<std::string> const& steps) {
        std::size_t next = 0;
        auto const read = log.read_steps(session, run, 1, [&](std::string_view bytes) {
          bool const same = next < steps.size() && bytes == steps[next];
          if (!same)
            findings_.add("acknowledged_stays",
                          to_string(session) + ": step " + std::to_string(next + 1) +
                              " is not the one that was written");
          ++next;
          return same;
        });
        if (!read || next != steps.size())
          findings_.add("acknowledged_stays",
                        to_string(session) + ": " + std::to_string(next) + " of " +
                            std::to_string(steps.size()) + " steps are there");
      };
  for (auto const& [session, truth] : sessions_) {
    compare(session, truth.run, truth.steps);
    for (auto const& [run, steps] : truth.before) compare(session, run, steps);
  }
}

void Truth::compare_heads_with(storage::EventLog const& log) const {
  std::size_t found = 0;
  auto const read = log.scan_heads([&](SessionId const& session, storage::Head const& head) {
    if (is_of_the_store(session)) return true;
    ++found;
    auto const* const truth = find(session);
    if (truth == nullptr || truth->last_sequence != head.last_sequence ||
        truth->hash != head.hash || truth->status != head.status)
      findings_.add("acknowledged_stays",
                    "the head of " + to_string(session) + " is not that of its last step");
    return true;
  });
  if (!read || found != sessions_.size())
    findings_.add(
        "acknowledged_stays",
        std::to_string(found) + " of " + std::to_string(sessions_.size()) + " sessions are there");
}

}  // namespace dalsegno::simulation
