#pragma once

#include "engine/policy/decision.h"
#include "engine/policy/predicate.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// What became of a rule in one decision.
enum class RuleOutcome : std::uint8_t {
  matched,
  other_action,
  other_resource,
  other_principal,
  expired,
  condition_false,
  condition_failed  ///< a permit is skipped, a forbid denies
};
/// "matched", "other_action", …
[[nodiscard]] std::string_view name_of(RuleOutcome outcome);

struct RuleTrace {
  std::size_t rule = 0;  ///< its place in the set
  RuleOutcome outcome{};
  std::string why;               ///< for people; "" when there is nothing to say
  std::vector<TestTrace> tests;  ///< of its condition, as far as it was judged
};

struct Explained {
  Decision decision;
  std::vector<RuleTrace> rules;
};

}  // namespace dalsegno::engine
