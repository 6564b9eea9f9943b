#pragma once

#include "dalsegno/json.h"
#include "engine/policy/decision.h"
#include "engine/policy/rule.h"
#include "engine/policy/trace.h"
#include "storage/event/event.h"

#include <string>
#include <vector>

namespace dalsegno::command {

/// "permit", "permit after require_approval", "deny". Obligations that nobody has to wait for (log)
/// are left out.
[[nodiscard]] std::string verdict_text(engine::Decision const& decision);
/// "a, b"; "no rule" for none.
[[nodiscard]] std::string rules_text(std::vector<std::string> const& rules);

/// {effect, rules, reason?, errors?, obligations?, ambient?}
[[nodiscard]] Json as_json(engine::Decision const& decision);
/// {rule, effect, outcome, why?, tests?}
[[nodiscard]] Json as_json(engine::RuleTrace const& trace, engine::Rule const& rule);

}  // namespace dalsegno::command
