#pragma once

#include "storage/log/event_log.h"

#include <string_view>

namespace dalsegno::forensics {

/// "open", "completed", "failed", "held", "cancelled", "continued".
[[nodiscard]] std::string_view name_of(storage::SessionStatus status);

/// The same of a session, or "paused".
[[nodiscard]] std::string_view name_of(storage::Head const& head);

}  // namespace dalsegno::forensics
