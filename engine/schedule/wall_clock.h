#pragma once

#include "dalsegno/result.h"
#include "engine/schedule/cron.h"

#include <chrono>
#include <string>
#include <string_view>

namespace date {
class time_zone;
}

namespace dalsegno::engine {

/// A stretch of time in which the clocks of a zone are not changed: `begin` included, `end` not.
struct ClockSegment {
  std::chrono::sys_seconds begin;
  std::chrono::sys_seconds end;
  std::chrono::seconds offset{0};  ///< of the wall from UTC

  [[nodiscard]] WallTime wall(std::chrono::sys_seconds time) const {
    return WallTime((time + offset).time_since_epoch());
  }
  [[nodiscard]] std::chrono::sys_seconds at(WallTime wall) const {
    return std::chrono::sys_seconds(wall.time_since_epoch()) - offset;
  }
};

/// The clocks of one zone, by the zone files of this machine. Which files these are may differ
/// between machines and change at any time: whoever must be deterministic records what it computes.
/// Thread: any.
class WallClock {
 public:
  /// "UTC" needs no files. Errors: Errc::invalid: no such zone, or no files.
  [[nodiscard]] static Result<WallClock> of_zone(std::string const& name);

  [[nodiscard]] ClockSegment segment_at(std::chrono::sys_seconds time) const;

 private:
  explicit WallClock(date::time_zone const* zone) : zone_(zone) {}
  date::time_zone const* zone_;  // lives as long as the program; null: UTC
};

}  // namespace dalsegno::engine
