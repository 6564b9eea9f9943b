#pragma once

#include "dalsegno/ids.h"

#include <chrono>
#include <optional>
#include <string_view>

namespace dalsegno::http {

/// No server is left alone for longer.
inline constexpr std::chrono::hours longest_retry_after{24};

/// What the values of the headers Retry-After and Retry-After-Ms ask for ("": it is not there):
/// seconds, with a fraction or without, or a date in one of the three forms of HTTP (RFC 9110,
/// 5.6.7), which is compared with `now`; the milliseconds count for more. A date that has passed is
/// 0; what cannot be read is nothing; nothing is more than `longest_retry_after`.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(std::string_view value,
                                                                   std::string_view value_ms,
                                                                   Time now);

}  // namespace dalsegno::http
