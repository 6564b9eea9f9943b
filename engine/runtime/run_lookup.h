#pragma once

// What the runs of a session say, read from the log without running code.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "engine/session/state.h"
#include "engine/session/step_result.h"
#include "storage/log/event_log.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// How a run began; nothing: it has no steps, or does not begin so.
[[nodiscard]] Result<std::optional<storage::SessionStarted>> start_of_run(
    storage::EventLog const& log, SessionId const& session, RunId const& run);

/// The newest run of the session that was started for this origin; nothing: none was.
[[nodiscard]] Result<std::optional<RunId>> run_asked_by(storage::EventLog const& log,
                                                        SessionId const& session,
                                                        storage::Origin const& origin);

struct SignalPlace {
  RunId run;
  Sequence sequence = 0;
};

/// Where a signal with that producer's key stands that some run of the session recorded at
/// `known.sequence`: in the newest run that it was carried over to. `known.run` is the session's
/// newest.
[[nodiscard]] Result<SignalPlace> place_of_signal(storage::EventLog const& log,
                                                  SessionId const& session,
                                                  std::string_view key,
                                                  SignalPlace known);

/// Folds a run. `look` sees each event with the state before it, until it returns false.
using LookAtEvent = std::function<bool(SessionState const& before, storage::Event const& event)>;
[[nodiscard]] Result<SessionState> fold_run(storage::EventLog const& log,
                                            SessionId const& session,
                                            RunId const& run,
                                            LookAtEvent const& look);

}  // namespace dalsegno::engine
