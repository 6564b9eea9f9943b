#pragma once

#include "engine/session/random.h"

#include <cstdint>

namespace dalsegno::simulation {

/// All chance in a simulation: the SplitMix64 sequence of a seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : seed_(seed) {}

  std::uint64_t next() { return engine::mix(seed_, ++drawn_); }
  /// In [0, bound); `bound` above 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  /// A sequence of its own.
  Dice split() { return Dice(next()); }

 private:
  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;
};

}  // namespace dalsegno::simulation
