#pragma once

#include "dalsegno/ids.h"
#include "engine/policy/condition.h"

#include <string>

namespace dalsegno::engine {

/// Two tests that must both hold for `condition` and never do, or a time that has passed at `now`,
/// in words; "" when none was found. Looks at the condition itself and at what `all` joins; `any`
/// and `not` are taken as possible.
[[nodiscard]] std::string contradiction_in(Condition const& condition, Time now);

}  // namespace dalsegno::engine
