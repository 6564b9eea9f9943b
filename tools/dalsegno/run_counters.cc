#include "tools/dalsegno/run_counters.h"

#include <csignal>
#include <variant>

namespace dalsegno::command {

void RunCounters::count(std::span<storage::Event const> step) {
  for (auto const& event : step) {
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

}  // namespace dalsegno::command
