#pragma once

// Sessions as their events tell them, without workflow code.

#include "dalsegno/result.h"
#include "engine/session/state.h"
#include "storage/log/event_log.h"

#include <functional>
#include <string>

namespace dalsegno::engine {

/// Folds the newest run of a session, its chain verified. Errors: Errc::not_found, those of the log
/// and of the chain.
[[nodiscard]] Result<SessionState> fold_session(storage::EventLog const& log,
                                                SessionId const& session);

/// Folds all open sessions, the journal apart, in the order of the store, until `use` fails.
/// Errors: those of fold_session and of `use`.
[[nodiscard]] Result<> each_open_session(storage::EventLog const& log,
                                         std::function<Result<>(SessionState const&)> const& use);

/// What a payload holds, wherever it lies. Errors: those of EventLog::artifact.
[[nodiscard]] Result<std::string> text_of(storage::EventLog const& log,
                                          SessionId const& session,
                                          storage::Payload const& payload);

}  // namespace dalsegno::engine
