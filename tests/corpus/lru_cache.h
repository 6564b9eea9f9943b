#pragma once

#include "activities/model/affinity/block_digest.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace dalsegno::corpus {

/// An LRU cache of blocks as a server has it: a list, block by block. A prompt's last block is used
/// first and its first one last, so that a chain is forgotten from its end.
class LruCache {
 public:
  explicit LruCache(std::uint64_t capacity) : capacity_(capacity) { clear(); }

  /// Leading blocks of `prompt` that are held; then all of them are, as far as they fit.
  std::uint64_t use(std::span<activities::BlockDigest const> prompt) {
    std::uint64_t hits = 0;
    while (hits < prompt.size() && places_.contains(prompt[hits])) ++hits;
    for (auto i = prompt.size(); i-- > 0;) use_block(prompt[i]);
    return hits;
  }

  void clear() {
    places_.clear();
    blocks_.assign(1, {});  // the first one is the ends of the list
    free_.clear();
  }

  [[nodiscard]] std::uint64_t size() const { return places_.size(); }

 private:
  struct Block {
    activities::BlockDigest digest{};
    std::uint32_t newer = 0;
    std::uint32_t older = 0;
  };

  void use_block(activities::BlockDigest digest) {
    auto const [place, is_new] = places_.try_emplace(digest, 0);
    if (is_new) {
      place->second = take();
      blocks_[place->second].digest = digest;
    } else {
      unlink(place->second);
    }
    auto const at = place->second;
    blocks_[at].newer = 0;
    blocks_[at].older = blocks_[0].older;
    blocks_[blocks_[0].older].newer = at;
    blocks_[0].older = at;
    if (places_.size() > capacity_) drop_oldest();
  }

  std::uint32_t take() {
    if (free_.empty()) {
      blocks_.emplace_back();
      return static_cast<std::uint32_t>(blocks_.size() - 1);
    }
    auto const at = free_.back();
    free_.pop_back();
    return at;
  }

  void unlink(std::uint32_t at) {
    blocks_[blocks_[at].newer].older = blocks_[at].older;
    blocks_[blocks_[at].older].newer = blocks_[at].newer;
  }

  void drop_oldest() {
    auto const oldest = blocks_[0].newer;
    unlink(oldest);
    places_.erase(blocks_[oldest].digest);
    free_.push_back(oldest);
  }

  std::uint64_t capacity_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<activities::BlockDigest, std::uint32_t> places_;
};

}  // namespace dalsegno::corpus
