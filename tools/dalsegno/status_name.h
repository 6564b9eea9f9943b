#pragma once

#include "storage/log/event_log.h"

#include <string_view>

namespace dalsegno::command {

/// "open", "completed", "failed", "held", "cancelled".
[[nodiscard]] std::string_view name_of(storage::SessionStatus status);

}  // namespace dalsegno::command
