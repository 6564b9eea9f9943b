#pragma once

#include "dalsegno/result.h"
#include "engine/session/input.h"
#include "engine/session/state.h"
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

/// What is to be recorded of what somebody asks of a session; nothing: it is so already. Errors:
/// Errc::invalid without a name; Errc::held when it is held (but it can be terminated),
/// Errc::ended; Errc::too_large.
[[nodiscard]] Result<std::optional<storage::ControlAsked>> check_control(
    SessionState const& state, ControlInput const& control);

/// The step of it, with the timer that it arms, where no workflow code is at hand; nothing: it is
/// so already. `state` is the fold of the whole run. Errors: those of check_control.
[[nodiscard]] Result<std::optional<StepResult>> make_control_asked_step(SessionState const& state,
                                                                        ControlInput const& control,
                                                                        Time now,
                                                                        std::uint64_t epoch);

/// The step of an answer to a request for approval, with the timer that it arms, where no workflow
/// code is at hand. `state` is the fold of the whole run. Errors: those of check_answer;
/// Errc::held and Errc::ended when the session is not open.
[[nodiscard]] Result<StepResult> make_approval_step(SessionState const& state,
                                                    ApprovalInput const& input,
                                                    Time now,
                                                    std::uint64_t epoch);

/// The same for what a person says about an operation in doubt. Errors: those of check_resolution,
/// Errc::held, Errc::ended; Errc::too_large for a result beyond 64 KiB.
[[nodiscard]] Result<StepResult> make_resolution_step(SessionState const& state,
                                                      ResolveInput const& input,
                                                      Time now,
                                                      std::uint64_t epoch);

}  // namespace dalsegno::engine
