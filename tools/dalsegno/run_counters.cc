#include "tools/dalsegno/run_counters.h"

#include <csignal>
#include <variant>

namespace dalsegno::command {

void RunCounters::count(SessionId const& session, std::span<storage::Event const> step) {
  for (auto const& event : step) {
    follow(session, event);
    if (std::holds_alternative<storage::InputReceived>(event.body)) ++turns;
    if (std::holds_alternative<storage::AnswerGiven>(event.body)) ++answers;
    if (std::holds_alternative<storage::ModelCompleted>(event.body)) ++model_calls;
    if (std::holds_alternative<storage::ToolCompleted>(event.body)) ++tool_calls;
    if (std::holds_alternative<storage::AttemptOrphaned>(event.body)) ++orphans;
    auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body);
    if (decided != nullptr && decided->effect == storage::DecisionEffect::deny) ++denials;
  }
  if (++steps == kill_after_) std::raise(SIGKILL);
}

void RunCounters::waits(SessionId const& session, OperationId operation) {
  std::lock_guard const lock(mutex_);
  waiting_[session].insert(operation);
}

std::size_t RunCounters::waiting() const {
  std::lock_guard const lock(mutex_);
  return waiting_.size();
}

void RunCounters::follow(SessionId const& session, storage::Event const& event) {
  if (std::holds_alternative<storage::ApprovalRequested>(event.body))
    return waits(session, event.operation);
  auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body);
  bool const over = std::holds_alternative<storage::AttemptStarted>(event.body) ||
                    std::holds_alternative<storage::OperationCompleted>(event.body) ||
                    std::holds_alternative<storage::OperationFailed>(event.body) ||
                    std::holds_alternative<storage::OperationCancelled>(event.body) ||
                    (decided != nullptr && decided->effect == storage::DecisionEffect::deny);
  if (!over) return;
  std::lock_guard const lock(mutex_);
  auto const found = waiting_.find(session);
  if (found == waiting_.end()) return;
  found->second.erase(event.operation);
  if (found->second.empty()) waiting_.erase(found);
}

}  // namespace dalsegno::command
