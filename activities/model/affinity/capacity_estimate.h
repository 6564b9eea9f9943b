#pragma once

#include <cstdint>
#include <optional>

namespace dalsegno::activities {

/// How many blocks an endpoint's cache holds, learned from what its answers report.
///
/// In an LRU cache of n blocks the block at depth d (so many are more recent) is present exactly
/// when d < n. So an answer that found blocks and missed one bounds n from both sides; the estimate
/// moves to the bound when it lies beyond it, and half the way where the bound contradicts an
/// earlier one. An odd answer is undone by the next ordinary ones. Thread: one at a time.
class CapacityEstimate {
 public:
  explicit CapacityEstimate(std::uint64_t assumed) : blocks_(assumed) {}

  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }

  /// The deepest block that was found, and the shallowest that was missed. True if the estimate
  /// moved.
  bool observe(std::optional<std::uint64_t> found, std::optional<std::uint64_t> missed);

  /// Another endpoint of the pool was found to hold so many: what this one begins with, as long as
  /// nothing is known of itself. True if it was taken.
  bool suppose(std::uint64_t blocks);

  /// Whether a block was lately found at `depth` or deeper: one that is missed there was not pushed
  /// out by others.
  [[nodiscard]] bool proven(std::uint64_t depth) const { return depth < proven_; }

  /// The endpoint came back: what was found before proves nothing.
  void restart() { proven_ = 0; }

 private:
  std::uint64_t blocks_;
  bool informed_ = false;
  std::uint64_t proven_ = 0;  // a cache of fewer blocks would not have found what was found
};

}  // namespace dalsegno::activities
