#pragma once

#include "dalsegno/result.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/store.h"

#include <string_view>
#include <vector>

namespace dalsegno::command {

/// `stats --by KEYS`: figures of the model calls of all runs of these sessions, in groups. Returns
/// the exit code. Errors: Errc::invalid for keys that there are not; Errc::io.
[[nodiscard]] Result<int> stats_by(Globals const& globals,
                                   OpenStore const& store,
                                   std::vector<FoundSession> const& sessions,
                                   std::string_view keys);

}  // namespace dalsegno::command
