#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/event/digest.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// What is asked of policy before each attempt of a call.
struct PolicyRequest {
  std::string_view principal;
  std::string_view tenant;
  std::string_view session;
  std::string_view workflow;
  std::string_view action;    ///< "model.call", "tool.call", "activity.call"
  std::string_view resource;  ///< name of the model, tool or activity
};

/// What policy answered.
struct Decision {
  bool permitted = false;
  std::vector<std::string>
      rules;  ///< ids of the determining rules, in document order; empty: no rule matched
  std::string
      reason;  ///< of the first determining rule; for a default deny a sentence that says so
};

/// A validated set of rules: default deny, forbid wins over permit (the semantics of Cedar).
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

  [[nodiscard]] Decision decide(PolicyRequest const& request) const;

  /// SHA-256 over the canonical JSON (RFC 8785) of the document: its version.
  [[nodiscard]] storage::Digest const& digest() const;
  [[nodiscard]] std::string const& name() const;
  /// The document itself, canonical.
  [[nodiscard]] std::string const& document() const;

 private:
  struct Rules;
  std::shared_ptr<Rules const> rules_;  // shared: copies of a set that never changes
};

}  // namespace dalsegno::engine
