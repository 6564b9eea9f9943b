#pragma once

#include "dalsegno/ids.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dalsegno::engine {

/// When clocks are put forward, as the law stands in 2026.
enum class Daylight : std::uint8_t { none, europe, america, australia, new_zealand };

/// What a policy's time window is in.
///
/// The rules are part of this program, not of the machine: a decision that is made again gives the
/// same whatever zone files lie about. The other side of this: a change of law takes a new version,
/// and moments before 2007 are taken by today's law.
struct Zone {
  std::chrono::minutes offset{0};  ///< from UTC, in winter
  Daylight daylight = Daylight::none;
};

/// "UTC", an offset ("+05:30"), or one of `zone_names`.
[[nodiscard]] std::optional<Zone> find_zone(std::string_view name);
[[nodiscard]] std::span<std::string_view const> zone_names();

/// What a clock on the wall there shows.
[[nodiscard]] std::chrono::local_time<std::chrono::microseconds> local_time(Time time, Zone zone);

}  // namespace dalsegno::engine
