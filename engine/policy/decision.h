#pragma once

#include "engine/policy/grammar.h"
#include "storage/event/event.h"

#include <bitset>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// Why the condition of a rule could not be evaluated.
using RuleError = storage::RuleError;

/// Something that was asked of the surroundings, with the answer as canonical JSON: "time"
/// (microseconds since 1970), a counter or the use of a rate (`name_of`; null: nobody knew),
/// "attribute:NAME", "fulfils".
using AmbientInput = storage::NamedValue;

/// What a permit asks of whoever acts on it.
struct AppliedObligation {
  ObligationKind kind{};
  std::string rule;        ///< the permit that it comes from
  std::string parameters;  ///< canonical JSON, as docs/policy.md describes for its kind

  friend bool operator==(AppliedObligation const&, AppliedObligation const&) = default;
};

/// What of a request was looked at by conditions: without it the decision cannot be made again.
struct InputsRead {
  std::bitset<attribute_count> attributes;  ///< by AttributeName; only those conditions name
  bool arguments = false;

  friend bool operator==(InputsRead const&, InputsRead const&) = default;
};

/// What policy answered.
struct Decision {
  bool permitted = false;
  /// Ids of the determining rules, in document order, the first max_determining_rules; empty: no
  /// rule matched (default deny).
  std::vector<std::string> rules;
  /// Of the first determining rule; for a default deny a sentence that says so.
  std::string reason;
  std::vector<RuleError> errors;               ///< the first max_errors
  std::vector<AppliedObligation> obligations;  ///< of permits, those that were denied for one too
  std::vector<AmbientInput> ambient;
  InputsRead read;

  [[nodiscard]] AppliedObligation const* obligation(ObligationKind kind) const {
    for (auto const& applied : obligations)
      if (applied.kind == kind) return &applied;
    return nullptr;
  }
};

}  // namespace dalsegno::engine
