#pragma once

#include "dalsegno/ids.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dalsegno::activities {

/// The order in which one endpoint's blocks were last used, in blocks.
///
/// A touch is one prompt that passed: the blocks of its chain from position 0 to its length, the
/// first one the most recent, so that a chain is forgotten from its end. What a later touch takes
/// over leaves the earlier one from the front; what is forgotten leaves the oldest touch from its
/// end: a touch is always one range of positions.
///
/// The depth of a block is the number of blocks that are more recent: an LRU cache of n blocks
/// holds exactly those of depth below n (Mattson et al., "Evaluation techniques for storage
/// hierarchies", 1970). Depths come from a tree of partial sums over the touches (Fenwick, 1994).
/// Every operation takes time logarithmic in the number of touches; the numbering of the touches is
/// renewed now and then.
/// Thread: one at a time; const use from several threads is fine.
class RecencyStack {
 public:
  using TouchId = std::uint32_t;
  struct Touch {
    std::uint32_t order = 0;  ///< later touches have higher ones
    std::uint32_t begin = 0;  ///< the first position that is still this touch's
    std::uint32_t end = 0;    ///< one past the last
    std::uint32_t leaf = 0;   ///< the caller's: where position `end - 1` is
    Time at;
  };

  RecencyStack();

  /// A new touch of positions 0 to `end`; it is the most recent.
  TouchId push(std::uint32_t end, std::uint32_t leaf, Time at);
  /// Positions below `begin` belong to a later touch now. A touch that has none left is gone.
  void advance(TouchId touch, std::uint32_t begin);
  /// Positions from `end` on are forgotten. A touch that has none left is gone.
  void trim(TouchId touch, std::uint32_t end);
  void set_leaf(TouchId touch, std::uint32_t leaf) { touches_[touch].leaf = leaf; }

  [[nodiscard]] Touch const& operator[](TouchId touch) const { return touches_[touch]; }
  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }
  /// Not empty.
  [[nodiscard]] TouchId oldest() const;
  /// The depth of the block at `position` of `touch`, which holds it.
  [[nodiscard]] std::uint64_t depth(TouchId touch, std::uint32_t position) const;

  /// Where the `capacity` most recent blocks end. It holds until the next change.
  struct Cut {
    std::uint32_t order = 0;    ///< later touches are wholly inside, earlier ones outside
    std::uint32_t outside = 0;  ///< of the touch with this order, so many at its end are outside
    Time at;                    ///< when that touch was; the least time when all is inside
  };
  [[nodiscard]] Cut cut(std::uint64_t capacity) const;
  /// One past the last position of `touch` that is inside; its `begin` or less when none is.
  [[nodiscard]] std::uint32_t inside_end(TouchId touch, Cut const& cut) const {
    auto const& range = touches_[touch];
    if (range.order > cut.order) return range.end;
    return range.order == cut.order ? range.end - cut.outside : 0;
  }

 private:
  void add(std::uint32_t order, std::int64_t blocks);
  [[nodiscard]] std::uint64_t sum_to(std::uint32_t order) const;
  void renumber();
  void release(TouchId touch);

  std::vector<Touch> touches_;
  std::vector<TouchId> free_;
  std::vector<TouchId> by_order_;  // none where the touch is gone
  std::vector<std::uint64_t> sums_;
  std::uint32_t next_order_ = 1;
  std::uint32_t oldest_order_ = 1;  // no live touch has a lower order
  std::uint32_t live_ = 0;
  std::uint64_t blocks_ = 0;
};

}  // namespace dalsegno::activities
