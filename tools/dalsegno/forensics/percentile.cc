#include "tools/dalsegno/forensics/percentile.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace dalsegno::forensics {

std::chrono::microseconds percentile(std::span<std::chrono::microseconds const> sorted,
                                     double share) {
  if (sorted.empty()) return {};
  auto const rank = std::ceil(share * static_cast<double>(sorted.size()));
  auto const index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace dalsegno::forensics
