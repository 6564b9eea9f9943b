#pragma once

// Operations in doubt: nobody knows whether they had their effect, and a person has to decide.
// Pure: the same in life, in replay and for whoever checks a log.

#include "dalsegno/result.h"
#include "engine/session/input.h"
#include "engine/session/state.h"
#include "storage/event/event.h"

#include <cstddef>

namespace dalsegno::engine {

/// Of who resolves it and why, together.
inline constexpr std::size_t max_resolution_bytes = 16 * 1024;

/// Whether it waits for a person to say what is to become of it.
[[nodiscard]] bool is_in_doubt(OpenOperation const& operation);

/// What a person said as its event, without its result.
///
/// Errors: Errc::not_found when the operation is not in doubt; Errc::conflict when somebody has
/// resolved it already; Errc::invalid without a name or a reason, or when the result is not JSON;
/// Errc::too_large.
[[nodiscard]] Result<storage::DoubtResolved> check_resolution(SessionState const& state,
                                                              ResolveInput const& input);

}  // namespace dalsegno::engine
