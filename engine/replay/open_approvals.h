#pragma once

// Requests for approval that wait in a store, found without workflow code.

#include "dalsegno/approval.h"
#include "dalsegno/result.h"
#include "engine/session/input.h"
#include "engine/session/state.h"
#include "storage/log/event_log.h"

#include <span>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// What a session waits for. Errors: those of EventLog::artifact, for large arguments.
[[nodiscard]] Result<std::vector<PendingApproval>> open_approvals(storage::EventLog const& log,
                                                                  SessionState const& state);

/// What all open sessions wait for, in the order of the store. Reads every open session from its
/// beginning. Errors: those of fold_session.
[[nodiscard]] Result<std::vector<PendingApproval>> open_approvals(storage::EventLog const& log);

/// The request that `text` means: the beginning of an id (4 digits or more), "session@operation"
/// or "tenant/session@operation". Errors: Errc::not_found; Errc::invalid when several begin so.
[[nodiscard]] Result<PendingApproval> find_approval(std::span<PendingApproval const> open,
                                                    std::string_view text);

/// The answer as an input of its session.
[[nodiscard]] ApprovalInput to_input(PendingApproval const& pending,
                                     ApprovalDecision decision,
                                     Approver approver);

}  // namespace dalsegno::engine
