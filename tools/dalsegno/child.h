#pragma once

#include "dalsegno/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dalsegno::command {

/// How a child process ended: by itself with a code, or by a signal.
struct ChildEnd {
  int code = 0;
  int signal = 0;  ///< 0: by itself
};

/// Runs this program once more, with these arguments, in `folder`, and waits for it. It writes
/// where this process writes. Errors: Errc::io.
[[nodiscard]] Result<ChildEnd> run_self(std::vector<std::string> arguments,
                                        std::filesystem::path const& folder);

}  // namespace dalsegno::command
