#pragma once

#include "dalsegno/result.h"
#include "engine/policy/recorded.h"
#include "engine/session/state.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace dalsegno::forensics {

/// A decision as it stands in a log, with what is known of its surroundings. Lives while it is
/// visited.
struct StoredDecision {
  SessionId const& session;
  RunId const& run;
  Sequence sequence = 0;
  OperationId operation = OperationId::none;
  storage::PolicyDecided const& decided;
  engine::DecisionContext const& context;  ///< to make it again
};

/// A call that policy permits only with approval, and that people denied or did not approve in
/// time.
struct RefusedCall {
  SessionId const& session;
  RunId const& run;
  Sequence sequence = 0;
  OperationId operation = OperationId::none;
  Time recorded_at;
  engine::OpenOperation const& call;       ///< right before
  storage::OperationFailed const& failed;  ///< of the type approval_denied or approval_expired
};

struct DecisionsRead {
  std::uint64_t steps = 0;      ///< whose hashes and links were verified
  std::uint64_t decisions = 0;  ///< that were visited
  std::optional<Error> broken;  ///< why not all of them
};

/// Visits the decisions of all runs of a session in order, verifying the chain of each run on the
/// way. Arguments are read when they are needed: those that are artifacts cost a read each.
/// Errors: Errc::io.
[[nodiscard]] Result<DecisionsRead> visit_decisions(
    storage::EventLog const& log,
    SessionId const& session,
    std::function<void(StoredDecision const&)> const& visit,
    std::function<void(RefusedCall const&)> const& visit_refused = {});

}  // namespace dalsegno::forensics
