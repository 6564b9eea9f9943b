#include "dalsegno/errors.h"
#include "dalsegno/workflow_host.h"

namespace dalsegno {

std::string_view name_of(Timeout timeout) {
  switch (timeout) {
    case Timeout::schedule_to_start:
      return "schedule_to_start_timeout";
    case Timeout::start_to_close:
      return "start_to_close_timeout";
    case Timeout::schedule_to_close:
      return "schedule_to_close_timeout";
    case Timeout::heartbeat:
      return "heartbeat_timeout";
  }
  return "timeout";
}

}  // namespace dalsegno

namespace dalsegno::detail {

void Waiter::done() {
  if (host_ != nullptr) host_->make_ready(caller_, task_);
}

void Waiter::resume_here(Host& host, std::coroutine_handle<> caller) {
  host_ = &host;
  caller_ = caller;
  task_ = host.current_task();
}

void throw_unless_completed(Outcome const& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::completed:
      return;
    case OutcomeKind::denied:
      throw PolicyDenied(outcome.message, outcome.rules);
    case OutcomeKind::cancelled:
      throw Cancelled(outcome.message);
    case OutcomeKind::timed_out:
      throw ActivityFailed("timeout", "nothing came in time", outcome.attempts);
    case OutcomeKind::failed:
      if (outcome.type == approval_denied || outcome.type == approval_expired)
        throw ApprovalDenied(outcome.type, outcome.message, outcome.rules);
      for (auto const timeout : {Timeout::schedule_to_start,
                                 Timeout::start_to_close,
                                 Timeout::schedule_to_close,
                                 Timeout::heartbeat}) {
        if (outcome.type == name_of(timeout))
          throw ActivityTimedOut(timeout, outcome.message, outcome.attempts);
      }
      throw ActivityFailed(outcome.type, outcome.message, outcome.attempts);
  }
}

void throw_unless_child_completed(Outcome const& outcome) {
  if (outcome.kind == OutcomeKind::failed && outcome.type != approval_denied &&
      outcome.type != approval_expired)
    throw ChildFailed(outcome.type, outcome.message);
  throw_unless_completed(outcome);
}

void throw_unless_delivered(Outcome const& outcome) {
  if (outcome.kind == OutcomeKind::failed && outcome.type != approval_denied &&
      outcome.type != approval_expired)
    throw MessageFailed(outcome.type, outcome.message);
  throw_unless_completed(outcome);
}

void throw_unless_kept(Outcome const& outcome) {
  if (outcome.kind == OutcomeKind::failed) throw PromiseRejected(outcome.type, outcome.message);
  throw_unless_completed(outcome);
}

}  // namespace dalsegno::detail
