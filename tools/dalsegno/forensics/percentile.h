#pragma once

#include <chrono>
#include <span>

namespace dalsegno::forensics {

/// The smallest of the durations that `share` (0 to 1) of them do not exceed (nearest rank); 0
/// without any. `sorted` is.
[[nodiscard]] std::chrono::microseconds percentile(
    std::span<std::chrono::microseconds const> sorted, double share);

}  // namespace dalsegno::forensics
