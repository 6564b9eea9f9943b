#include "engine/runtime/system_clock.h"

#include <chrono>

namespace dalsegno::engine {

Time system_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::chrono::steady_clock::time_point steady_now() { return std::chrono::steady_clock::now(); }

}  // namespace dalsegno::engine
