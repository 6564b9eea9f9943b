#include "activities/model/affinity/capacity_estimate.h"

#include <algorithm>
#include <utility>

namespace dalsegno::activities {

bool CapacityEstimate::observe(std::optional<std::uint64_t> found,
                               std::optional<std::uint64_t> missed) {
  auto const before = blocks_;
  if (missed) {
    auto const bound = std::max<std::uint64_t>(*missed, 1);
    // What was lately found deeper makes this more likely a cache that was emptied than a small
    // one: only half the way, unless it goes on.
    if (bound < blocks_) blocks_ = proven(*missed) ? bound + (blocks_ - bound) / 2 : bound;
    proven_ = std::min(proven_, *missed);
  }
  if (found) {
    blocks_ = std::max(blocks_, *found + 1);
    proven_ = std::max(proven_, *found + 1);
  }
  informed_ = informed_ || blocks_ != before;
  return blocks_ != before;
}

bool CapacityEstimate::suppose(std::uint64_t blocks) {
  if (informed_ || blocks < proven_) return false;
  blocks_ = blocks;
  return true;
}

}  // namespace dalsegno::activities
