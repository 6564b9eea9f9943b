#pragma once

#include "activities/http/egress_guard.h"
#include "dalsegno/ids.h"
#include "engine/policy/policy.h"

#include <functional>

namespace dalsegno::http {

/// Asks a policy set about the action "net.connect": the resource is HOST:PORT, the attributes are
/// scheme, host, port, address, method and path, the principal that of the origin.
///
/// Of obligations it meets `log` (each contact is recorded); a permit with any other denies.
/// `now` is the time at which the conditions are judged. Thread: any, if `now` is.
[[nodiscard]] ConnectPolicy connect_policy(engine::PolicySet policy, std::function<Time()> now);

}  // namespace dalsegno::http
