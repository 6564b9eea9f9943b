#include "tools/dalsegno/forensics/burn_rate.h"

#include "tools/dalsegno/forensics/model_calls.h"

namespace dalsegno::forensics {

namespace {

// Of a budget, that may be used up within the long window before somebody is told.
constexpr double alarming_share = 0.02;

}  // namespace

std::optional<double> Burn::rate(double wanted_share) const {
  if (broken == 0) return 0;
  if (wanted_share >= 1) return std::nullopt;
  return static_cast<double>(broken) / static_cast<double>(judged) / (1 - wanted_share);
}

Burn burn_within(std::span<Judged const> judged, Time now, std::chrono::microseconds length) {
  Burn burn;
  for (auto const& one : judged) {
    if (one.at > now || between(one.at, now) >= length) continue;
    ++burn.judged;
    if (!one.is_kept) ++burn.broken;
  }
  return burn;
}

double BurnRule::limit() const {
  if (factor) return *factor;
  return alarming_share * static_cast<double>(period.count()) /
         static_cast<double>(long_window.count());
}

bool BurnOutcome::is_burning(BurnRule const& rule, double wanted_share) const {
  auto const is_fast = [&](Burn const& burn) {
    auto const rate = burn.rate(wanted_share);
    return !rate || *rate > rule.limit();
  };
  return is_fast(in_short) && is_fast(in_long);
}

std::optional<double> BurnOutcome::budget_left(double wanted_share) const {
  if (wanted_share >= 1) return std::nullopt;
  return 1 - *in_period.rate(wanted_share);
}

BurnOutcome burn_of(std::span<Judged const> judged, Time now, BurnRule const& rule) {
  return {burn_within(judged, now, rule.short_window),
          burn_within(judged, now, rule.long_window),
          burn_within(judged, now, rule.period)};
}

}  // namespace dalsegno::forensics
