#pragma once

#include "dalsegno/ids.h"

#include <chrono>

namespace dalsegno::engine {

// The only place in engine and storage that reads a clock.

/// The machine's wall clock.
[[nodiscard]] Time system_now();

/// A clock that nobody sets: for how long a thread stays awake, and nothing that is recorded.
[[nodiscard]] std::chrono::steady_clock::time_point steady_now();

}  // namespace dalsegno::engine
