#include "storage/rocksdb/session_fold.h"

#include <algorithm>
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
  std::erase_if(open_attempts_, [&](auto const& attempt) { return attempt.first == operation; });
}

/// For the first escalation or expiry of what the operation waits for, later than `after`.
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
}

void SessionFold::apply(Event const& event, Time recorded_at) {
  auto const attempt_ended = [&](std::uint32_t attempt, std::optional<Time> const& retry_at) {
    open_attempts_.erase({event.operation, attempt});
    if (retry_at) timers_[event.operation] = *retry_at;
  };
  auto const session_ended = [&](SessionStatus status) {
    head_->status = status;
    timers_.clear();
    approvals_.clear();
    open_attempts_.clear();
  };
  std::visit(
      Overloaded{
          [&](SessionStarted const& started) {
            head_->workflow = started.workflow;
            follows_ = started.follows;
          },
          [&](AttemptStarted const& started) {
            timers_.erase(event.operation);
            approvals_.erase(event.operation);
            open_attempts_.insert({event.operation, started.attempt});
          },
          [&](AttemptFailed const& failed) { attempt_ended(failed.attempt, failed.retry_at); },
          [&](AttemptOrphaned const& orphaned) {
            attempt_ended(orphaned.attempt, orphaned.retry_at);
          },
          [&](OperationCompleted const&) { end_operation(event.operation); },
          [&](ModelCompleted const&) { end_operation(event.operation); },
          [&](ToolCompleted const&) { end_operation(event.operation); },
          [&](OperationFailed const&) { end_operation(event.operation); },
          [&](OperationCancelled const&) { end_operation(event.operation); },
          [&](TimerStarted const& timer) { timers_[event.operation] = timer.due; },
          [&](TimerFired const& timer) { arm_approval_timer(event.operation, timer.due); },
          [&](PolicyDecided const& decided) {
            if (decided.effect == DecisionEffect::deny) end_operation(event.operation);
          },
          [&](ApprovalRequested const& asked) {
            approvals_[event.operation][asked.rule] = {asked.escalate_at, asked.expires};
            arm_approval_timer(event.operation, std::nullopt);
          },
          [&](ApprovalGiven const&) {
            if (!approvals_.contains(event.operation)) return;
            auto const [armed, fresh] = timers_.try_emplace(event.operation, recorded_at);
            if (!fresh) armed->second = std::min(armed->second, recorded_at);
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
          [](UnknownBody const&) {},
          [](VersionChosen const&) {},
          [](CancelRequested const&) {},
          [](InputReceived const&) {},
          [](OperationRequested const&) {},
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
  head_->open_attempts = static_cast<std::uint32_t>(open_attempts_.size());
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
