#pragma once

// Calls in doubt that wait in a store, found without workflow code.

#include "dalsegno/doubt.h"
#include "dalsegno/result.h"
#include "engine/session/input.h"
#include "engine/session/state.h"
#include "storage/log/event_log.h"

#include <string>
#include <vector>

namespace dalsegno::engine {

/// Those of a session. Errors: those of EventLog::artifact, for large arguments.
[[nodiscard]] Result<std::vector<CallInDoubt>> open_doubts(storage::EventLog const& log,
                                                           SessionState const& state);
/// Calls made at most once that are under way: should their process have ended, they are in doubt.
[[nodiscard]] Result<std::vector<CallInDoubt>> under_way_at_most_once(storage::EventLog const& log,
                                                                      SessionState const& state);
/// Those of all open sessions, in the order of the store. Reads every open session from its
/// beginning. Errors: those of fold_session (engine/replay/fold_session.h).
[[nodiscard]] Result<std::vector<CallInDoubt>> open_doubts(storage::EventLog const& log);

/// The resolution as an input of its session.
[[nodiscard]] ResolveInput to_input(OperationId operation,
                                    Resolve resolution,
                                    Resolver resolver,
                                    std::string result);

}  // namespace dalsegno::engine
