#pragma once

#include "engine/policy/ambient.h"
#include "engine/policy/rule.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::storage {
struct PolicyDecided;
}

namespace dalsegno::engine {

/// The rate of a rule's permits. nullopt: the rule has no such obligation.
[[nodiscard]] std::optional<RateLimit> rate_of(Rule const& rule);

/// The rules whose rates a permit of a call uses up.
[[nodiscard]] std::vector<std::string> rated_rules(storage::PolicyDecided const& decision);

// An answer as it stands in decisions: {"calls": 5, "free_at": 1795435201000000}.
[[nodiscard]] std::string recorded_text(RateUse const& use);
[[nodiscard]] std::optional<RateUse> read_rate_use(std::string_view recorded);

}  // namespace dalsegno::engine
