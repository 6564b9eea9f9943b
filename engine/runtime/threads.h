#pragma once

#include <cstdint>

namespace dalsegno::engine {

/// Whether the parts of an engine run on threads of their own. Without any, each does something
/// only when it is called (engine_steps.h): for simulation.
enum class Threads : std::uint8_t { own, none };

}  // namespace dalsegno::engine
