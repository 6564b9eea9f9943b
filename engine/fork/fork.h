#pragma once

// A new run made of an old one: a copy of its steps up to a point and a Forked behind them, or its
// beginning once more. All of it is planned here without workflow code and written at once.
// Source: storage/format.md, "fork"; docs/operations.md, "Forking and beginning again".

#include "dalsegno/fork.h"
#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "engine/session/step_result.h"
#include "storage/event/digest.h"
#include "storage/log/event_log.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace dalsegno::engine {

/// Limits of what is copied, as it is written at once.
inline constexpr std::size_t max_forked_steps = 100'000;
inline constexpr std::size_t max_forked_bytes = 256U << 20U;
/// Signals that come once more.
inline constexpr std::size_t max_forked_signals = 5'000;
/// Of who wants it and why, together.
inline constexpr std::size_t max_fork_reason_bytes = 64 * 1024;

struct ForkRequest {
  SessionId session;
  Sequence at = 0;  ///< an event of the run; 0: it begins again (options.run, .as: nothing)
  ForkOptions options;
  std::string credential = {};  ///< id of the token that says who it is
};

/// The session that gets the new run.
[[nodiscard]] SessionId target_of(ForkRequest const& request);

/// What is drawn and looked at for it.
struct ForkSurroundings {
  Time now;
  RunId run;  ///< the new one
  std::uint64_t random_seed = 0;
  storage::SessionSecret secret;  ///< of a new session
};

struct ForkPlan {
  StepResult step;  ///< with `then`: one write. Copied steps have no `events` and no effects.
  Fork fork;
};

/// Plans it from what is durable; writes nothing. The plan holds while the head of target_of stays
/// as it is.
/// Errors: Errc::invalid (no `by` or `reason`, options that contradict each other, a name that is
/// none); Errc::not_found (no such session, run or event); Errc::conflict (the newest run has not
/// ended and is not to be terminated; the new session exists; at that point the run has ended, is
/// held, or waits for a child or an update); Errc::undecidable (the session was erased, or a
/// checkpoint or artifact is gone); Errc::newer_format; Errc::too_large; those of the log.
[[nodiscard]] Result<ForkPlan> plan_fork(storage::EventLog const& log,
                                         ForkRequest const& request,
                                         ForkSurroundings const& surroundings);

}  // namespace dalsegno::engine
