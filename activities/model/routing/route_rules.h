#pragma once

#include "dalsegno/result.h"
#include "dalsegno/routing.h"

namespace dalsegno::activities {

using model::RouteBand;
using model::RouteCandidate;
using model::RouteRaises;
using model::RouteRules;

/// Errors: Errc::invalid: no candidate, two of one name, a number out of its range, bands that do
/// not rise.
[[nodiscard]] Result<> check(RouteRules const& rules);

}  // namespace dalsegno::activities
