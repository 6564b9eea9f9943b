#pragma once

// Calls of which nobody knows whether they had their effect, as `ls --in-doubt` lists them.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/store.h"

#include <functional>

namespace dalsegno::command {

/// Those that wait for a person in the open sessions that are `wanted`, and those made at most once
/// that are under way: should their runtime have ended, they are in doubt, too, and wait for a
/// person as soon as another one opens the store. The exit code.
[[nodiscard]] Result<int> list_in_doubt(
    OpenStore const& store,
    Globals const& globals,
    std::function<bool(SessionId const&, storage::Head const&)> const& wanted);

}  // namespace dalsegno::command
