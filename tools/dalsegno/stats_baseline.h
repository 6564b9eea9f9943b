#pragma once

#include "dalsegno/result.h"
#include "tools/dalsegno/forensics/baseline_comparison.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/store.h"

#include <string>
#include <vector>

namespace dalsegno::command {

struct BaselineOptions {
  std::string html;     ///< file to write; "": none
  std::string against;  ///< file with an earlier baseline; "": none
  forensics::BaselineThresholds thresholds = {};
};

/// `stats --baseline`: figures of each workflow over all runs of these sessions, and what moved
/// since an earlier time. Returns the exit code. Errors: Errc::invalid for a file that is no
/// baseline; Errc::io.
[[nodiscard]] Result<int> stats_baseline(Globals const& globals,
                                         OpenStore const& store,
                                         std::vector<FoundSession> const& sessions,
                                         BaselineOptions const& options);

}  // namespace dalsegno::command
