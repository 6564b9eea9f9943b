#pragma once

#include "dalsegno/result.h"
#include "engine/policy/ambient.h"
#include "engine/policy/decision.h"
#include "engine/policy/document.h"
#include "engine/policy/request.h"
#include "engine/policy/rule.h"
#include "engine/policy/trace.h"
#include "storage/event/digest.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A validated set of rules: default deny, forbid wins over permit, a permit that cannot be
/// evaluated is skipped and such a forbid denies (the semantics of Cedar).
/// A value that never changes. Thread: any.
/// Source of the format: docs/policy.md.
class PolicySet {
 public:
  PolicySet();  ///< no rules: denies everything
  PolicySet(PolicySet const&);
  PolicySet& operator=(PolicySet const&);
  PolicySet(PolicySet&&) noexcept;
  PolicySet& operator=(PolicySet&&) noexcept;
  ~PolicySet();

  /// Reads a policy document. `file` names it in errors.
  /// Errors: Errc::invalid; the detail begins "FILE:LINE:COLUMN: ", says what is wrong and, for an
  /// unknown field, action or effect, names the nearest known one.
  [[nodiscard]] static Result<PolicySet> parse(std::string_view json,
                                               std::string_view file = "policy");
  /// Several documents as one set.
  [[nodiscard]] static Result<PolicySet> parse(std::span<PolicySource const> sources);

  /// A function of the set, the request and what `ambient` answers, and of nothing else. Time: that
  /// of the rules that the index finds; no rule takes longer than its bounds (grammar.h) let it.
  [[nodiscard]] Decision decide(PolicyRequest const& request, PolicyAmbient const& ambient) const;

  /// The same, and for each rule what became of it, in document order.
  [[nodiscard]] Explained explain(PolicyRequest const& request, PolicyAmbient const& ambient) const;

  /// Whether one of the rules names this action, by itself or by a glob.
  [[nodiscard]] bool has_rules_about(std::string_view action) const;

  /// SHA-256 over the canonical JSON (RFC 8785) of the document: its version.
  [[nodiscard]] storage::Digest const& digest() const;
  [[nodiscard]] std::string const& name() const;
  /// The document itself, canonical.
  [[nodiscard]] std::string const& document() const;
  [[nodiscard]] std::vector<Rule> const& rules() const;

 private:
  struct Compiled;
  std::shared_ptr<Compiled const> compiled_;  // shared: copies of a set that never changes
};

}  // namespace dalsegno::engine
