#pragma once

#include <cstdint>
#include <string>

namespace dalsegno::forensics {

/// A sum of money that does not drift: recorded costs are added in whole picodollars, the smallest
/// step that a price for a million tokens with six decimals can make.
class UsdSum {
 public:
  /// Adds what a call cost, to the nearest picodollar. False, and nothing is added, for what is no
  /// cost: less than nothing, no number, or above `most_usd`.
  bool add(double usd);
  static constexpr double most_usd = 1'000'000;

  [[nodiscard]] double usd() const;           ///< the nearest double
  [[nodiscard]] std::uint64_t micro() const;  ///< in millionths of a dollar, rounded half up
  [[nodiscard]] std::string text() const;     ///< of `micro`: "12.000915"

 private:
  std::uint64_t dollars_ = 0;
  std::uint64_t picodollars_ = 0;  // below a dollar
};

}  // namespace dalsegno::forensics
