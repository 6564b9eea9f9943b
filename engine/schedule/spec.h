#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "dalsegno/schedule.h"
#include "engine/schedule/cron.h"
#include "engine/schedule/wall_clock.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A ScheduleSpec that was found right, ready to compute with. A value; const access is
/// thread-safe.
class CompiledSpec {
 public:
  /// Errors: Errc::invalid.
  [[nodiscard]] static Result<CompiledSpec> compile(ScheduleSpec const& spec);

  /// The first occurrence after `time`, without jitter; nullopt: there is none before the year
  /// 9999, or none in the 41 years from then.
  [[nodiscard]] std::optional<Time> next_after(Time time) const;

  /// When `occurrence` of the schedule `id` is begun: up to `jitter` later, but before the next
  /// occurrence.
  [[nodiscard]] Time begins_at(std::string_view id, Time occurrence) const;

 private:
  explicit CompiledSpec(WallClock clock) : clock_(clock) {}

  [[nodiscard]] std::optional<std::chrono::sys_seconds> next_of(
      Cron const& cron, std::chrono::sys_seconds from) const;

  WallClock clock_;
  std::vector<Cron> cron_;
  struct Interval {
    std::chrono::seconds every;
    std::chrono::seconds offset;
  };
  std::vector<Interval> intervals_;
  MissingTime missing_ = MissingTime::move;
  RepeatedTime repeated_ = RepeatedTime::first;
  std::optional<Time> start_;
  std::optional<Time> end_;
  std::chrono::seconds jitter_{0};
};

}  // namespace dalsegno::engine
