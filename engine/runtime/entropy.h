#pragma once

#include "dalsegno/ids.h"
#include "storage/event/digest.h"

#include <cstdint>

namespace dalsegno::engine {

// From the operating system's generator. What is drawn here is an input: it is recorded (or, a
// secret, kept in the vault), and replay reads it.

[[nodiscard]] RunId fresh_run_id();
[[nodiscard]] storage::SessionSecret fresh_secret();
[[nodiscard]] std::uint64_t fresh_seed();

}  // namespace dalsegno::engine
