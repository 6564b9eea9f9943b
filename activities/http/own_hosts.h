#pragma once

#include "activities/http/dial_plan.h"

#include <span>
#include <string>
#include <string_view>

namespace dalsegno::http {

/// An egress document (docs/egress.md) for places that a configuration names: one rule for each,
/// its host and port and nothing else. Names lead to addresses of the public internet only,
/// "localhost" to this machine's. Rules are called `name`, or "NAME-1", "NAME-2" … of several.
[[nodiscard]] std::string egress_for(std::span<DialPlan const> plans, std::string_view name);

}  // namespace dalsegno::http
