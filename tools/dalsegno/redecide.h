#pragma once

// Recorded decisions made again under other policies: what `policy replay` and `policy diff` share.

#include "dalsegno/result.h"
#include "engine/policy/policy.h"
#include "engine/policy/recorded.h"
#include "tools/dalsegno/forensics/decisions.h"
#include "tools/dalsegno/store.h"

#include <functional>
#include <string>
#include <vector>

namespace dalsegno::command {

/// What the decisions of a store rest on.
struct DecisionsRest {
  std::uint64_t steps = 0;
  std::uint64_t decisions = 0;
  int exit_code = exit_fine;  ///< of what is broken
};

/// Visits every decision of these sessions, and the calls that people refused; says on stderr what
/// is broken.
[[nodiscard]] Result<DecisionsRest> visit_decisions(
    OpenStore const& store,
    std::vector<FoundSession> const& sessions,
    std::function<void(forensics::StoredDecision const&)> const& visit,
    std::function<void(forensics::RefusedCall const&)> const& visit_refused = {});

/// {tenant, session, run, sequence, operation, action, resource}
[[nodiscard]] Json place_of(forensics::StoredDecision const& stored);

/// How many decisions came out how.
struct Redecided {
  std::uint64_t decisions = 0;
  std::uint64_t changed = 0;
  std::uint64_t now_denied = 0;
  std::uint64_t now_permitted = 0;
  std::uint64_t need_approval = 0;  ///< permitted before and after, but not without asking
  std::uint64_t unknown = 0;

  [[nodiscard]] Json as_json() const;
  [[nodiscard]] std::string as_text() const;
  /// 125 when something is unknown, else 1 when something changed.
  [[nodiscard]] int exit_code() const;
};

}  // namespace dalsegno::command
