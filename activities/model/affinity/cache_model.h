#pragma once

#include "activities/model/affinity/block_digest.h"
#include "activities/model/affinity/recency_stack.h"
#include "dalsegno/ids.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace dalsegno::activities {

/// What the prefix caches of all endpoints hold, as far as it follows from the prompts that were
/// sent there: each is an LRU cache of blocks that forgets a chain from its end.
///
/// Chains that begin alike share their beginning: the model is one radix tree whose nodes are runs
/// of blocks, and each node says which endpoints hold it and since which touch. More is tracked of
/// an endpoint than it is believed to hold, so that a belief that is too small can be seen to be.
///
/// Shape: memory is bounded by the sum of the tracked blocks. Time: a match takes one pass over the
/// prompt and one look-up for each run; a touch adds a logarithmic term for each run.
/// Thread: one at a time.
class CacheModel {
 public:
  struct Capacity {
    std::uint64_t believed = 0;  ///< blocks
    std::uint64_t tracked = 0;   ///< at least as many
  };

  /// Limits: at most 65,535 endpoints.
  CacheModel(std::size_t endpoints, Capacity capacity);

  /// What is known of one prompt. It holds until the next touch, change of capacity or clear.
  struct Match {
    std::vector<std::uint32_t> believed;  ///< by endpoint: leading blocks that it holds
    std::vector<std::uint32_t> tracked;   ///< and those it was sent and may have forgotten
    std::vector<std::uint32_t> nodes;     ///< the path through the tree
    std::uint32_t length = 0;             ///< blocks of the prompt that are in the tree
  };
  /// Fills `match`, whose memory is used again.
  /// Limits: fewer than 2^32 blocks.
  void match(std::span<BlockDigest const> prompt, Match& match) const;

  /// Depths along a prompt: from `position` on, one more a block, until the next step.
  struct DepthStep {
    std::uint32_t position = 0;
    std::uint64_t depth = 0;
  };
  /// How deep in `endpoint`'s stack the tracked blocks of the matched prompt lie.
  void depths(std::size_t endpoint, Match const& match, std::vector<DepthStep>& steps) const;

  /// `prompt`, which was just matched, passes through `endpoint`.
  void touch(std::size_t endpoint, std::span<BlockDigest const> prompt, Match& match, Time now);
  void set_capacity(std::size_t endpoint, Capacity capacity);
  /// The endpoint holds nothing any more.
  void clear(std::size_t endpoint);

  [[nodiscard]] Capacity capacity(std::size_t endpoint) const {
    return endpoints_[endpoint].capacity;
  }
  /// When the block that was last pushed out had been used; the least time while none was.
  [[nodiscard]] Time pushed_out(std::size_t endpoint) const { return endpoints_[endpoint].cut.at; }
  [[nodiscard]] std::uint64_t tracked_blocks() const;

 private:
  using NodeId = std::uint32_t;
  struct Holder {
    std::uint32_t endpoint = 0;
    RecencyStack::TouchId touch = 0;
  };
  struct Node {
    std::uint32_t begin = 0;  // position of the first block
    NodeId parent = 0;
    std::vector<BlockDigest> blocks;
    std::vector<Holder> holders;  // each of them holds the parent too
    [[nodiscard]] std::uint32_t end() const {
      return begin + static_cast<std::uint32_t>(blocks.size());
    }
  };
  struct ChildKey {
    NodeId parent = 0;
    BlockDigest first{};
    friend bool operator==(ChildKey const&, ChildKey const&) = default;
  };
  struct ChildHash {
    std::size_t operator()(ChildKey const& key) const {
      return static_cast<std::size_t>(key.first) ^ (key.parent * 0x9E3779B97F4A7C15ULL);
    }
  };
  struct Endpoint {
    RecencyStack stack;
    Capacity capacity;
    RecencyStack::Cut cut{.at = Time::min()};
  };

  NodeId add_node(NodeId parent, std::uint32_t begin, std::span<BlockDigest const> blocks);
  NodeId split(NodeId node, std::uint32_t length);
  void hold(std::size_t endpoint, NodeId node, RecencyStack::TouchId touch);
  void let_go(std::size_t endpoint, NodeId node);
  void forget_to(std::size_t endpoint, std::uint64_t blocks);
  void shorten(NodeId node);
  void settle(std::size_t endpoint);

  std::vector<Endpoint> endpoints_;
  std::vector<Node> nodes_;  // the first is the root, which has no blocks
  std::vector<NodeId> free_;
  std::unordered_map<ChildKey, NodeId, ChildHash> children_;
};

}  // namespace dalsegno::activities
