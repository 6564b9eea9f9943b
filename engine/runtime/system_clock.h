#pragma once

#include "dalsegno/ids.h"

namespace dalsegno::engine {

/// The machine's wall clock. The only place in engine and storage that reads a clock.
[[nodiscard]] Time system_now();

}  // namespace dalsegno::engine
