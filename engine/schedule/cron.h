#pragma once

// Cron expressions, as Vixie cron reads them, over the clock on the wall: zones are elsewhere.

#include "dalsegno/result.h"

#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>

namespace dalsegno::engine {

/// What a clock on the wall shows, to the second.
using WallTime = std::chrono::local_seconds;

/// Five fields "minute hour day-of-month month day-of-week", or six with seconds first; "@yearly"
/// and the like. Each field is a list of `*`, a value, a range `a-b`, and steps of `*` or a range
/// (`*/15`, `8-18/2`); months and days of the week may be named (jan, sun). 0 and 7 are Sunday.
/// Where both the day of the month and that of the week are restricted, either is enough; a field
/// that begins with `*` does not restrict in this sense, as in Vixie cron. No L, W, #, ?.
class Cron {
 public:
  /// Limits: 1'000 bytes. Errors: Errc::invalid, also for one that never happens (30 February).
  [[nodiscard]] static Result<Cron> parse(std::string_view text);

  [[nodiscard]] bool matches(WallTime time) const;
  /// The first match at `time` or after it; nullopt: none in the 41 years from then.
  [[nodiscard]] std::optional<WallTime> at_or_after(WallTime time) const;

  friend bool operator==(Cron const&, Cron const&) = default;

 private:
  [[nodiscard]] bool matches_day(std::chrono::local_days at) const;
  [[nodiscard]] std::optional<std::chrono::seconds> time_of_day(std::chrono::seconds from) const;

  std::bitset<60> seconds_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = false;      // the field begins with *
  bool any_weekday_ = false;  // … likewise
};

}  // namespace dalsegno::engine
