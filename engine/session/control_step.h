#pragma once

#include "dalsegno/result.h"
#include "engine/session/step_result.h"
#include "storage/log/event_log.h"

namespace dalsegno::engine {

/// A step that no workflow code takes part in: a hold, a release. Continues the run after `head`.
[[nodiscard]] Result<StepResult> make_control_step(SessionId const& session,
                                                   RunId const& log_id,
                                                   storage::Head const& head,
                                                   storage::EventBody body,
                                                   Time now,
                                                   std::uint64_t epoch);

}  // namespace dalsegno::engine
