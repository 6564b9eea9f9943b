#pragma once

#include "dalsegno/ids.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::forensics {

enum class Severity : std::uint8_t {
  failure,  ///< integrity failed
  warning,  ///< nothing is wrong, but something could not have been seen, or was lost and accepted
  undecidable,  ///< cannot be checked any more: the session's key is gone
};

/// "failure", "warning", "undecidable".
[[nodiscard]] std::string_view name_of(Severity severity);

/// What a check found.
struct Finding {
  Severity severity = Severity::failure;
  std::string check;  ///< which check: "schema", "chain", "head", … (docs/cli.md lists them)
  SessionId session;  ///< without a name: it is about the store
  RunId run;
  Sequence sequence = 0;     ///< 0: about no single event
  std::uint64_t commit = 0;  ///< 0: about no single commit
  std::string detail;
};

/// Findings in the order in which they were made. Of very many only the first are kept; all are
/// counted.
class Findings {
 public:
  void add(Finding finding);

  [[nodiscard]] std::vector<Finding> const& list() const { return list_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::uint64_t warnings() const { return warnings_; }
  [[nodiscard]] std::uint64_t undecidable() const { return undecidable_; }
  [[nodiscard]] std::uint64_t count() const { return failures_ + warnings_ + undecidable_; }

 private:
  std::vector<Finding> list_;
  std::uint64_t failures_ = 0;
  std::uint64_t warnings_ = 0;
  std::uint64_t undecidable_ = 0;
};

}  // namespace dalsegno::forensics
