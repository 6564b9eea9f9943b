#pragma once

#include "storage/event/event.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace dalsegno::engine {

/// The n-th number of the SplitMix64 sequence that begins at `seed` (Steele, Lea, Flood: "Fast
/// splittable pseudorandom number generators", 2014). Defined here, because the standard library's
/// distributions differ between implementations.
constexpr std::uint64_t mix(std::uint64_t seed, std::uint64_t n = 1) {
  std::uint64_t z = seed + n * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

/// 53 bits as a number in [0, 1).
constexpr double unit_interval(std::uint64_t bits) {
  return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

/// No delay is longer: a sum with any point of log time stays far from the end of the range.
inline constexpr double longest_delay_us = 100.0 * 365.0 * 86'400.0 * 1'000'000.0;

/// The delay after the `failed`-th failure: min(initial * factor^(failed-1), max_interval), changed
/// by up to ±jitter of itself; `unit` in [0, 1) is the random part. Never negative, never above
/// max_interval * (1 + jitter) or 200 years.
inline std::chrono::microseconds backoff(storage::RecordedRetry const& retry,
                                         double jitter,
                                         std::uint32_t failed,
                                         double unit) {
  auto const initial = static_cast<double>(retry.initial_ms) * 1'000.0;
  auto const longest =
      std::min(static_cast<double>(retry.max_interval_ms) * 1'000.0, longest_delay_us);
  auto const factor = retry.factor > 1.0 ? retry.factor : 1.0;
  auto const exponent = failed == 0 ? 0.0 : static_cast<double>(failed - 1);
  auto raw =
      initial *
      std::pow(factor, exponent);  // infinite after many failures, and no number if it began with 0
  if (!(raw < longest)) raw = initial > 0.0 ? longest : 0.0;
  auto const spread = jitter > 0.0 ? std::min(jitter, 1.0) : 0.0;
  auto const delay = raw * (1.0 + spread * (2.0 * unit - 1.0));
  return std::chrono::microseconds(static_cast<std::int64_t>(delay));
}

}  // namespace dalsegno::engine
