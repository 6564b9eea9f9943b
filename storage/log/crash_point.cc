#include "storage/log/crash_point.h"

#ifdef DALSEGNO_CRASH_POINTS

#include <algorithm>
#include <atomic>
#include <cassert>
#include <csignal>
#include <cstdlib>
#include <string>

namespace dalsegno::storage {

namespace {

struct Appointment {
  std::string name;
  std::atomic<long> passes_left = 0;
};

Appointment& appointment() {
  static Appointment made;
  [[maybe_unused]] static bool const read = [] {
    auto const* const text = std::getenv("DALSEGNO_CRASH_AT");
    if (text == nullptr) return false;
    std::string_view const wanted(text);
    auto const colon = wanted.rfind(':');
    made.name = wanted.substr(0, colon);
    made.passes_left = colon == std::string_view::npos
                           ? 1
                           : std::strtol(wanted.substr(colon + 1).data(), nullptr, 10);
    return true;
  }();
  return made;
}

}  // namespace

void crash_point(std::string_view name) {
  assert(std::ranges::find(crash_points, name) != crash_points.end());
  auto& wanted = appointment();
  if (wanted.name == name && --wanted.passes_left == 0) static_cast<void>(std::raise(SIGKILL));
}

}  // namespace dalsegno::storage

#else

namespace dalsegno::storage {

void crash_point(std::string_view /*name*/) {}

}  // namespace dalsegno::storage

#endif
