#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "engine/session/state.h"
#include "engine/session/step_result.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace dalsegno::engine {

/// Writes a run step by step from its beginning, where no workflow code is at hand. Pure.
class RunWriter {
 public:
  RunWriter(SessionId session,
            RunId run,
            RunId log_id,
            std::uint64_t epoch,
            std::optional<storage::Predecessor> follows);

  /// The next step, with the events' bodies and operations as given and sequences of its own. It
  /// arms no timer. Errors: those of storage::encode.
  [[nodiscard]] Result<StepResult> write(std::vector<storage::Event> events,
                                         Time recorded_at,
                                         Sequence cause = 0);

  /// Every timer that is armed after what was written.
  [[nodiscard]] std::vector<storage::Timer> timers() const;

  [[nodiscard]] SessionState const& state() const { return state_; }

 private:
  std::optional<storage::Predecessor> follows_;
  std::uint64_t epoch_;
  SessionState state_;
};

}  // namespace dalsegno::engine
