#pragma once

#include "storage/access/token.h"
#include "storage/log/event_log.h"

#include <memory>

namespace dalsegno::access {

/// The log as one kind of credential may write it; reading goes through unchanged. What is refused
/// is refused with Errc::denied (exit code 5) and changes nothing; in a batch only that Append is.
///
/// *operator*: in the operators' session decisions, actions, policies, tokens, accepted losses; in
/// other sessions only what a person says to a session from outside (Held, Released,
/// ControlAsked, ApprovalGiven, OperatorActed), without timers (but the one that an
/// ApprovalGiven makes due), checkpoints, artifacts, keys or secrets, and with a head that differs
/// by that step and the status only. In vaults: holds, what an erasure leaves, wrapped keys; never
/// an original. Meta: nothing.
///
/// *runtime*: nothing in the operators' session and no PolicyActivated, TokenCreated, TokenRevoked,
/// OperatorActed or LossAccepted anywhere. Vaults but for destroying one; with the operators'
/// session only the key of the store's tokens while there is none. Meta.
///
/// *auditor*: nothing at all.
///
/// A kind of event that this version does not know is refused for each kind; bytes that are no
/// step, or one of another session than the Append names, with Errc::invalid. `log` outlives the
/// guard. Thread: as EventLog.
[[nodiscard]] std::unique_ptr<storage::EventLog> guard_log(storage::EventLog& log, TokenKind kind);

}  // namespace dalsegno::access
