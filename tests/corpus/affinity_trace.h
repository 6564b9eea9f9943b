#pragma once

#include "activities/model/affinity/block_digest.h"
#include "dalsegno/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace dalsegno::corpus {

/// One model call of a trace.
struct TraceCall {
  std::chrono::microseconds at{0};
  std::size_t row = 0;        ///< from 0: of two at one time, the earlier row comes first
  std::uint64_t session = 0;  ///< what a session hash would be made from
  std::uint64_t thread = 0;   ///< calls with the same one go on from each other
  std::vector<activities::BlockDigest> blocks;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
};

struct Trace {
  std::vector<TraceCall> calls;  ///< by time
  std::uint32_t block_tokens = 0;
};

/// Reads the rows of a trace in one of two formats, which the first row tells:
///
/// - {timestamp (ms), input_length, output_length, hash_ids}: blocks of 512 tokens. There is no
///   session: the first block that is not the same in all, the second, stands for it.
/// - {session, agent, at (s), in, out, block_size, family, fam_blocks, blocks: [[first, length]]}:
///   ids count within a session, but for the first `fam_blocks`, which a family shares.
///
/// Errors: those of `for_each_row`; Errc::invalid for a row that is in neither format.
[[nodiscard]] Result<Trace> read_trace(std::filesystem::path const& path);

}  // namespace dalsegno::corpus
