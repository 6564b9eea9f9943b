#pragma once

// Which programs ran the sessions of a store, as `ls --builds` lists them.

#include "dalsegno/result.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/store.h"

namespace dalsegno::command {

/// Each epoch that a runtime began, oldest first, with how many sessions that are open or held were
/// written in it last. The exit code.
[[nodiscard]] Result<int> list_builds(OpenStore const& store, Globals const& globals);

}  // namespace dalsegno::command
