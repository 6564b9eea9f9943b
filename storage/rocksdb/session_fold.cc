#include "storage/rocksdb/session_fold.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace dalsegno::storage {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace

void SessionFold::end_operation(OperationId operation) {
  timers_.erase(operation);
  approvals_.erase(operation);
  calls_.erase(operation);
  deferred_.erase(operation);
  std::erase_if(open_attempts_, [&](auto const& attempt) { return attempt.first == operation; });
}

void SessionFold::arm(OperationId operation, std::optional<Time> due) {
  timers_.erase(operation);
  if (due) timers_.emplace(operation, *due);
}

/// For the first escalation or expiry of what the operation waits for, later than `after`, or its
/// end.
void SessionFold::arm_approval_timer(OperationId operation, std::optional<Time> after) {
  timers_.erase(operation);
  auto const look = [&](std::optional<Time> const& moment) {
    if (!moment || (after && *moment <= *after)) return;
    auto const [armed, fresh] = timers_.try_emplace(operation, *moment);
    if (!fresh) armed->second = std::min(armed->second, *moment);
  };
  auto const waits = approvals_.find(operation);
  if (waits == approvals_.end()) return;
  for (auto const& [rule, times] : waits->second) {
    look(times.escalates);
    look(times.expires);
  }
  if (auto const call = calls_.find(operation); call != calls_.end())
    look(call->second.clock.end_by);
}

/// What came too late, or after the operation had ended, ends nothing.
bool SessionFold::end_attempt(OperationId operation,
                              std::uint32_t attempt,
                              std::optional<Time> retry_at) {
  if (open_attempts_.erase({operation, attempt}) == 0) return false;
  deferred_.erase(operation);
  auto& clock = calls_[operation].clock;
  clock.end_attempt(retry_at);
  arm(operation, clock.between_attempts());
  return true;
}

void SessionFold::prolong(OperationId operation, std::uint32_t attempt, Time at) {
  if (!open_attempts_.contains({operation, attempt})) return;
  auto& call = calls_[operation];
  call.clock.sign_of_life(call.terms, at);
  arm(operation, call.clock.in_attempt());
}

void SessionFold::apply(Event const& event, Time recorded_at) {
  auto const id = event.operation;
  auto const session_ended = [&](SessionStatus status) {
    head_->status = status;
    head_->paused = false;
    timers_.clear();
    approvals_.clear();
    calls_.clear();
    deferred_.clear();
    open_attempts_.clear();
  };
  std::visit(
      Overloaded{
          [&](SessionStarted const& started) {
            head_->workflow = started.workflow;
            follows_ = started.follows;
          },
          [&](OperationRequested const& requested) {
            auto& call = calls_[id];
            call = {};
            call.start_to_close_ms = requested.start_to_close_ms;
            call.terms = requested.terms;
            call.clock.end_by = limit(recorded_at, requested.terms.schedule_to_close_ms);
          },
          [&](AttemptStarted const& started) {
            approvals_.erase(id);
            open_attempts_.insert({id, started.attempt});
            auto& call = calls_[id];
            call.clock.begin_attempt(call.start_to_close_ms, call.terms, recorded_at);
            arm(id, call.clock.in_attempt());
          },
          [&](AttemptFailed const& failed) {
            end_attempt(id, failed.attempt, failed.retry_at);
            calls_[id].unsure = failed.outcome_unknown;
          },
          [&](AttemptOrphaned const& orphaned) {
            if (!end_attempt(id, orphaned.attempt, orphaned.retry_at)) return;
            auto& call = calls_[id];
            call.unsure = call.terms.effect != EffectClass::idempotent;
          },
          [&](OperationCompleted const&) { end_operation(id); },
          [&](ModelCompleted const&) { end_operation(id); },
          [&](ToolCompleted const&) { end_operation(id); },
          [&](OperationFailed const&) { end_operation(id); },
          [&](OperationCancelled const&) { end_operation(id); },
          [&](TimerStarted const& timer) { timers_[id] = timer.due; },
          [&](TimerFired const& timer) {
            if (id == OperationId::none && std::exchange(resumed_, false)) head_->paused = false;
            if (auto const call = calls_.find(id);
                call != calls_.end() && std::exchange(call->second.is_to_begin_anew, false)) {
              call->second.unsure = false;
              call->second.clock.end_by =
                  limit(recorded_at, call->second.terms.schedule_to_close_ms);
            }
            auto const open = open_attempts_.lower_bound({id, 0});
            if (open == open_attempts_.end() || open->first != id)
              return arm_approval_timer(id, timer.due);
            auto& clock = calls_[id].clock;
            clock.start_by.reset();
            arm(id, clock.in_attempt());
          },
          [&](PolicyDecided const& decided) {
            auto const call = calls_.find(id);
            bool const unsure = call != calls_.end() && call->second.unsure;
            if (decided.effect == DecisionEffect::deny && !unsure) end_operation(id);
          },
          [&](ApprovalRequested const& asked) {
            approvals_[id][asked.rule] = {asked.escalate_at, asked.expires};
            arm_approval_timer(id, std::nullopt);
          },
          [&](ApprovalGiven const&) {
            if (!approvals_.contains(id)) return;
            auto const [armed, fresh] = timers_.try_emplace(id, recorded_at);
            if (!fresh) armed->second = std::min(armed->second, recorded_at);
          },
          [&](HeartbeatRecorded const& beat) { prolong(id, beat.attempt, beat.at); },
          [&](AttemptDeferred const& deferred) {
            if (!open_attempts_.contains({id, deferred.attempt})) return;
            deferred_.insert(id);
            prolong(id, deferred.attempt, recorded_at);
          },
          [&](OperationInDoubt const&) {
            timers_.erase(id);
            approvals_.erase(id);
          },
          [&](DoubtResolved const& resolved) {
            timers_[id] = recorded_at;
            calls_[id].is_to_begin_anew = resolved.resolution == DoubtResolution::retry;
          },
          [&](CheckpointTaken const&) { head_->checkpoint = event.sequence; },
          [&](Held const&) { head_->status = SessionStatus::held; },
          [&](Released const&) { head_->status = SessionStatus::open; },
          [&](SessionCompleted const&) { session_ended(SessionStatus::completed); },
          [&](SessionFailed const&) { session_ended(SessionStatus::failed); },
          [&](SessionCancelled const&) { session_ended(SessionStatus::cancelled); },
          [&](ContinuedAsNew const&) { session_ended(SessionStatus::continued); },
          [&](ChildEnded const&) { end_operation(event.operation); },
          // Nothing in a head or among timers follows from these.
          [](RunCarried const&) {},
          [](ChildStarted const&) {},
          [](ParentEnded const&) {},
          [](CancellationAsked const&) {},
          [&](ControlAsked const& asked) {
            if (asked.verb == ControlVerb::pause) {
              head_->paused = true;
              resumed_ = false;
            } else {
              timers_.try_emplace(OperationId::none, recorded_at);
              resumed_ = resumed_ || asked.verb == ControlVerb::resume;
            }
          },
          [](UpdateEnded const&) {},
          [](StoreChanged const&) {},
          [&](PromiseSettled const&) { end_operation(event.operation); },
          [](EngineStarted const&) {},
          [&](Forked const& forked) {
            deferred_.clear();  // nobody has a token for an attempt of this run
            if (forked.from.sequence > 0) timers_.try_emplace(OperationId::none, recorded_at);
          },
          [](UnknownBody const&) {},
          [](VersionChosen const&) {},
          [](CancelRequested const&) {},
          [](InputReceived const&) {},
          [](ValueRecorded const&) {},
          [](AttributeSet const&) {},
          [](AnswerGiven const&) {},
          [](OperatorActed const&) {},
          [](PolicyActivated const&) {},
          [](LossAccepted const&) {},
          [](TokenCreated const&) {},
          [](TokenRevoked const&) {},
      },
      event.body);
}

bool SessionFold::add(DecodedStep const& step) {
  auto const& header = step.step.header;
  bool const continues =
      head_ ? header.first_sequence == head_->last_sequence + 1 && header.previous == head_->hash
            : header.first_sequence == 1;
  if (!continues) return false;
  if (!head_) {
    head_.emplace();
    head_->run = header.run;
    head_->started_at = header.recorded_at;
  }
  for (auto const& event : step.step.events) apply(event, header.recorded_at);
  head_->last_sequence = step.step.events.back().sequence;
  head_->hash = step.hash;
  head_->epoch = header.epoch;
  head_->updated_at = header.recorded_at;
  ++head_->steps;
  head_->open_attempts = static_cast<std::uint32_t>(open_attempts_.size() - deferred_.size());
  return true;
}

std::optional<Head> SessionFold::head() const { return head_; }

std::vector<Timer> SessionFold::timers() const {
  std::vector<Timer> timers;
  if (!head_) return timers;
  for (auto const& [operation, due] : timers_) {
    timers.push_back({.due = due, .session = session_, .run = head_->run, .operation = operation});
  }
  return timers;
}

}  // namespace dalsegno::storage
