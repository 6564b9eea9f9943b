#pragma once

#include "dalsegno/json.h"

#include <functional>

namespace dalsegno::mcp {

/// What a server wants to know from a person while it performs a call: `params` of
/// elicitation/create. Gives the result: {"action": "accept" | "decline" | "cancel", "content": …}.
/// May block; several at once.
using ElicitationHandler = std::function<Json(Json const& params)>;

/// {"action": "decline"}.
[[nodiscard]] Json decline();

/// Accepts with what the requested schema declares as defaults (SEP-1034).
[[nodiscard]] Json accept_defaults(Json const& params);

/// `result`, and where it accepts, the declared defaults of what its content leaves out.
[[nodiscard]] Json with_defaults(Json result, Json const& params);

}  // namespace dalsegno::mcp
