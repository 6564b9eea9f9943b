#pragma once

#include "engine/policy/inputs.h"
#include "engine/policy/names.h"
#include "engine/policy/predicate.h"
#include "engine/policy/rate.h"
#include "engine/policy/rule.h"
#include "engine/policy/trace.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// A rule made ready to be held against many requests of its actions. The rule must outlive it.
class CompiledRule {
 public:
  explicit CompiledRule(Rule const& rule);

  /// Whether resource, principal and time fit and the condition holds. `why` is set when it could
  /// not be evaluated. The action is the caller's business.
  [[nodiscard]] RuleOutcome judge(Inputs& inputs,
                                  std::string& why,
                                  std::vector<TestTrace>* trace = nullptr) const;

  [[nodiscard]] Rule const& rule() const { return *rule_; }
  /// With the parameters as they stand in decisions.
  [[nodiscard]] std::vector<AppliedObligation> const& obligations() const { return obligations_; }
  [[nodiscard]] std::optional<RateLimit> const& rate() const { return rate_; }

 private:
  Rule const* rule_;
  Names resources_;
  Names kinds_;
  Names ids_;
  Names tenants_;
  Names roles_;
  std::optional<Predicate> when_;
  std::vector<AppliedObligation> obligations_;
  std::optional<RateLimit> rate_;
};

}  // namespace dalsegno::engine
