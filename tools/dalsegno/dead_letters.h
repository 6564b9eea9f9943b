#pragma once

// What does not go on without a person, as `ls --dead-letters` lists it.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/store.h"

#include <functional>

namespace dalsegno::command {

/// Held sessions, sessions that failed because a call of theirs did for good, and calls in doubt,
/// of the sessions that are `wanted`: each with what can be done about it. Reads these sessions'
/// newest runs. The exit code.
[[nodiscard]] Result<int> list_dead_letters(
    OpenStore const& store,
    Globals const& globals,
    std::function<bool(SessionId const&, storage::Head const&)> const& wanted);

}  // namespace dalsegno::command
