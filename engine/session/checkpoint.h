#pragma once

#include "dalsegno/result.h"
#include "dalsegno/workflow_host.h"
#include "engine/session/state.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A named operation that has ended and whose result no frame has taken.
struct FinishedOperation {
  OperationId id = OperationId::none;
  std::string label;  ///< the workflow's name for it
  storage::OperationKind kind = storage::OperationKind::activity;
  std::string name;  ///< of the activity, model, tool or signal
  Sequence ended_at = 0;
  detail::Outcome outcome;   ///< without its payload …
  storage::Payload payload;  ///< … which is here
};

/// Everything from which replay can start in the middle of a run: what the log says, and where the
/// code stands. Taken only while no operation is open but named ones.
struct Checkpoint {
  SessionState
      state;  ///< right after the CheckpointTaken; without hash and epoch, which its step brings
  std::uint64_t random_position = 0;
  std::string workflow_state;               ///< JSON: what the workflow is entered with
  std::vector<FinishedOperation> finished;  ///< by label
};

/// Canonical JSON, described in storage/format.md, "Checkpoint".
[[nodiscard]] std::string encode(Checkpoint const& checkpoint);
/// Errors: Errc::corrupt, Errc::newer_format.
[[nodiscard]] Result<Checkpoint> decode_checkpoint(std::string_view bytes);

}  // namespace dalsegno::engine
