#pragma once

// What a run, and the runs that continue it, did after a point: what a fork at that point shows and
// takes over.

#include "dalsegno/fork.h"
#include "dalsegno/result.h"
#include "storage/event/digest.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <vector>

namespace dalsegno::engine {

/// A signal and where it came.
struct LaterSignal {
  Sequence sequence = 0;
  storage::InputReceived signal;
};

struct Later {
  std::vector<LaterEffect> effects;  ///< calls and children, in order
  std::vector<LaterSignal> signals;  ///< that were not carried over from elsewhere
};

/// How a run began. Errors: Errc::corrupt when it has no such step; those of the log.
[[nodiscard]] Result<storage::SessionStarted> start_of(storage::EventLog const& log,
                                                       SessionId const& session,
                                                       RunId const& run);

/// Reads the run behind `point` and all runs that continue it. `digester` is keyed with the
/// session's secret. Errors: those of the log and the chain.
[[nodiscard]] Result<Later> read_later(storage::EventLog const& log,
                                       storage::KeyedDigester const& digester,
                                       SessionId const& session,
                                       RunId const& run,
                                       Sequence point);

}  // namespace dalsegno::engine
