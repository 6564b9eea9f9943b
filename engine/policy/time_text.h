#pragma once

#include "dalsegno/ids.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// RFC 3339 with an offset or Z: "2026-11-23T01:02:03.5+01:00". Years 1970 to 9999; at most six
/// digits of a second's fraction.
[[nodiscard]] std::optional<Time> parse_instant(std::string_view text);

/// "90s", "15m", "24h", "7d": one second to 3,650 days.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);
/// In the largest unit that is exact.
[[nodiscard]] std::string duration_text(std::chrono::seconds duration);

/// "00:00" to "24:00".
[[nodiscard]] std::optional<std::chrono::minutes> parse_time_of_day(std::string_view text);
[[nodiscard]] std::string time_of_day_text(std::chrono::minutes time);

}  // namespace dalsegno::engine
