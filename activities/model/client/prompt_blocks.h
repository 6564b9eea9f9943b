#pragma once

#include "activities/model/affinity/block_digest.h"
#include "activities/model/dialect.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dalsegno::activities {

/// A prompt as the router knows it: a server's cache holds beginnings of prompts, so a prompt is
/// the chain of its blocks. The text they are cut from is the same for both dialects and all
/// endpoints.
struct PromptBlocks {
  std::vector<BlockDigest> blocks;
  std::uint64_t tokens = 0;  ///< about: four bytes each
  std::size_t bytes = 0;
  /// Where each message ends, in bytes.
  std::vector<std::size_t> ends;

  /// The index of the message that `block` begins in; the number of messages if none.
  [[nodiscard]] std::size_t message_of(std::uint32_t block) const;
};

inline constexpr std::uint32_t prompt_block_tokens = 64;
inline constexpr std::size_t bytes_of_token = 4;

[[nodiscard]] PromptBlocks cut_into_blocks(ModelCall const& call);

}  // namespace dalsegno::activities
