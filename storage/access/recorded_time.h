#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"

namespace dalsegno::access {

/// The later of `now` and the newest time that any session of the log has recorded. What has
/// expired by that time stays expired, whatever the machine's clock is set to. Reads all heads.
[[nodiscard]] Result<Time> not_before_recorded(storage::EventLog const& log, Time now);

}  // namespace dalsegno::access
