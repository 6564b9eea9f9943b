#pragma once

#include "activities/http/egress_guard.h"
#include "dalsegno/activity.h"

namespace dalsegno::http {

/// Asks the policy that permits the attempt about the action "net.connect": the resource is
/// HOST:PORT, the attributes are scheme, host, port, address, method and path, beside those of the
/// attempt itself (ActivityContext::decide).
/// Thread: that of the attempt; `context` outlives what is returned.
[[nodiscard]] ConnectPolicy connect_policy(ActivityContext const& context);

}  // namespace dalsegno::http
