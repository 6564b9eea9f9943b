#pragma once

// What must hold of approvals: that the recorded ones may have been given, and that nothing started
// without those that it needed; and that decisions knew of them, and of taint, what the log has.

#include "engine/session/state.h"
#include "storage/access/token_table.h"
#include "storage/event/event.h"

#include <string>
#include <string_view>

namespace dalsegno::forensics {

// Each: what is wrong, or "". `state` is that of the run right before the event.

/// The request is about the arguments of its operation.
[[nodiscard]] std::string wrong_request(engine::SessionState const& state,
                                        OperationId operation,
                                        storage::ApprovalRequested const& asked);

/// Somebody who may answer, other than the requester, answered what was asked, once and in time.
[[nodiscard]] std::string wrong_answer(engine::SessionState const& state,
                                       OperationId operation,
                                       storage::ApprovalGiven const& given,
                                       Time recorded_at);

/// The token that the answer names was an operator's of that name, with these roles and the right
/// to give approvals, and valid. Nothing is known of one without a token: whoever ran the session
/// vouched for it.
[[nodiscard]] std::string wrong_credential(access::TokenTable const& tokens,
                                           std::string_view tenant,
                                           storage::ApprovalGiven const& given,
                                           Time recorded_at);

/// What the decision's obligations ask for was given.
[[nodiscard]] std::string missing_approval(engine::SessionState const& state,
                                           OperationId operation,
                                           storage::PolicyDecided const& decided,
                                           Time recorded_at);

/// Taint and approvals that the decision was made with are those of the log.
[[nodiscard]] std::string wrong_attributes(engine::SessionState const& state,
                                           OperationId operation,
                                           storage::PolicyDecided const& decided,
                                           Time recorded_at);

/// What the workflow was told is what people said.
[[nodiscard]] std::string wrong_outcome(engine::OpenOperation const& operation,
                                        storage::OperationCompleted const& told,
                                        Time recorded_at);

}  // namespace dalsegno::forensics
