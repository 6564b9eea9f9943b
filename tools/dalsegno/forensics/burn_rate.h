#pragma once

// How fast a promise is being broken, by windows of time: the rule with two windows of Google's
// "Site Reliability Workbook", chapter 5, "Alerting on SLOs".

#include "dalsegno/ids.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

namespace dalsegno::forensics {

/// Something that a promise is about, from the moment on that decided it.
struct Judged {
  Time at;
  bool is_kept = false;
};

/// What of them was decided within a window.
struct Burn {
  std::uint64_t judged = 0;
  std::uint64_t broken = 0;

  /// Of the share that may be broken, how many times as much is: 1 uses the budget up just when its
  /// period ends. 0 without any; nothing where no share may be broken and some is.
  [[nodiscard]] std::optional<double> rate(double wanted_share) const;
};

/// From `now - length` (without it) to `now`.
[[nodiscard]] Burn burn_within(std::span<Judged const> judged,
                               Time now,
                               std::chrono::microseconds length);

/// Two windows, and how fast the budget may burn in both at once.
struct BurnRule {
  std::chrono::microseconds short_window = std::chrono::minutes(5);
  std::chrono::microseconds long_window = std::chrono::hours(1);
  std::chrono::microseconds period = std::chrono::days(30);  ///< that the budget is for
  /// Nothing: as fast as uses 2 % of the budget within the long window (14.4 with what stands
  /// here).
  std::optional<double> factor = {};

  [[nodiscard]] double limit() const;
};

/// What a promise has burnt by now.
struct BurnOutcome {
  Burn in_short;
  Burn in_long;
  Burn in_period;

  /// Both windows burn faster than the rule allows: what happened is large, and goes on.
  [[nodiscard]] bool is_burning(BurnRule const& rule, double wanted_share) const;
  /// What is left of the period's budget: 1 all, 0 nothing, less when it is overdrawn. Nothing
  /// where there is no budget.
  [[nodiscard]] std::optional<double> budget_left(double wanted_share) const;
};
[[nodiscard]] BurnOutcome burn_of(std::span<Judged const> judged, Time now, BurnRule const& rule);

}  // namespace dalsegno::forensics
