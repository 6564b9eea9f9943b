#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// Names one block of a prompt together with everything before it, so that two prompts share as
/// much as their chains have in common at the start. A collision costs one wrong prediction.
enum class BlockDigest : std::uint64_t {};

/// The chain of `prompt`, cut into blocks of `block_bytes`; the last one may be shorter.
/// Limits: `block_bytes` is not 0.
/// Thread: any.
[[nodiscard]] std::vector<BlockDigest> digest_blocks(std::string_view prompt,
                                                     std::size_t block_bytes);

}  // namespace dalsegno::activities
