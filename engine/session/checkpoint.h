#pragma once

#include "dalsegno/result.h"
#include "engine/session/state.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// Everything from which replay can start in the middle of a run: what the log says, and where the
/// code stands. Taken only while no operation is open, so there is nothing else to carry.
struct Checkpoint {
  SessionState
      state;  ///< right after the CheckpointTaken; without hash and epoch, which its step brings
  std::uint64_t random_position = 0;
  std::string workflow_state;  ///< JSON: what the workflow is entered with
};

/// Canonical JSON, described in storage/format.md, "Checkpoint".
[[nodiscard]] std::string encode(Checkpoint const& checkpoint);
/// Errors: Errc::corrupt, Errc::newer_format.
[[nodiscard]] Result<Checkpoint> decode_checkpoint(std::string_view bytes);

}  // namespace dalsegno::engine
