#pragma once

#include "storage/event/copied.h"
#include "tools/dalsegno/forensics/history.h"

namespace dalsegno::forensics {

/// Up to where a run's events are copies of the one that it was forked from, where they happened
/// and are counted. 0: none are.
[[nodiscard]] inline Sequence copied_events(History const& history) {
  return history.events.empty() ? 0 : storage::copied_up_to(history.events.front().event.body);
}

}  // namespace dalsegno::forensics
