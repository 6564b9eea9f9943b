#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "engine/policy/document.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// What is suspicious about a rule of a valid document.
enum class WarningKind : std::uint8_t { expired, never_matches, shadowed };

struct PolicyWarning {
  WarningKind kind{};
  std::size_t rule = 0;  ///< its place in the document
  std::string what;      ///< begins with the rule's id
};

/// Looks for rules that have no effect: that have expired at `now`, whose conditions contradict
/// each other or name a time that has passed, and that another rule leaves nothing to. Not all such
/// rules are found; none is named that has an effect. In document order. Time: rules are compared
/// with each other max_comparisons times at most.
[[nodiscard]] std::vector<PolicyWarning> warnings_of(PolicyDocument const& document, Time now);
inline constexpr std::size_t max_comparisons = 4'000'000;

/// "FILE:LINE:COLUMN: warning: what", as `file` stands in `sources`.
[[nodiscard]] std::string line_of(PolicyWarning const& warning,
                                  PolicyDocument const& document,
                                  std::span<PolicySource const> sources);

}  // namespace dalsegno::engine
