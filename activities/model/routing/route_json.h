#pragma once

#include "activities/model/routing/route.h"
#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <string_view>

namespace dalsegno::activities {

/// A request as a file has it: an object whose members are named as those of RouteRequest, the risk
/// as in policy documents. What is not there is as in RouteRequest.
/// Errors: Errc::invalid, "line L, column C: what"; of an unknown member with the nearest known
/// one.
[[nodiscard]] Result<RouteRequest> parse_route_request(std::string_view json);

/// For records; the text itself is not repeated. What says nothing is left out.
[[nodiscard]] Json to_json_value(RouteRequest const& request);

/// For records and for `dalsegno route explain --json`. The text itself is not repeated.
[[nodiscard]] Json to_json_value(RouteDecision const& decision);

}  // namespace dalsegno::activities
