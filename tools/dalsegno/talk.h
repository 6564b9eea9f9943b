#pragma once

#include "activities/model/budget/budget.h"
#include "dalsegno/result.h"
#include "engine/policy/policy.h"
#include "tools/dalsegno/config/agent_setup.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/redaction_options.h"

#include <functional>
#include <string>

namespace dalsegno::command {

struct TalkOptions {
  std::string session = "talk";
  config::AgentSetup agent;  ///< without models: the one that the environment names
  activities::BudgetLimits budgets;
};

/// A conversation in the terminal with a model: each line of stdin is a turn, its answer is shown
/// as it comes. It ends with stdin and goes on when it is begun again; a turn that an earlier
/// process was killed in is answered first. `policy_for` says which policy decides.
[[nodiscard]] Result<int> talk(
    Globals const& globals,
    TalkOptions const& options,
    RedactionOptions const& redaction,
    std::function<Result<engine::PolicySet>(storage::EventLog const&)> const& policy_for);

}  // namespace dalsegno::command
