#include "tools/dalsegno/forensics/usd_sum.h"

#include <cmath>

namespace dalsegno::forensics {

namespace {

constexpr std::uint64_t pico_per_usd = 1'000'000'000'000;
constexpr std::uint64_t pico_per_micro = 1'000'000;
constexpr std::uint64_t micro_per_usd = 1'000'000;

}  // namespace

bool UsdSum::add(double usd) {
  if (!(usd >= 0 && usd <= most_usd)) return false;
  auto const pico =
      static_cast<std::uint64_t>(std::llround(usd * static_cast<double>(pico_per_usd)));
  dollars_ += pico / pico_per_usd;
  picodollars_ += pico % pico_per_usd;
  dollars_ += picodollars_ / pico_per_usd;
  picodollars_ %= pico_per_usd;
  return true;
}

double UsdSum::usd() const {
  return static_cast<double>(dollars_) +
         static_cast<double>(picodollars_) / static_cast<double>(pico_per_usd);
}

std::uint64_t UsdSum::micro() const {
  return dollars_ * micro_per_usd + (picodollars_ + pico_per_micro / 2) / pico_per_micro;
}

std::string UsdSum::text() const {
  auto fraction = std::to_string(micro() % micro_per_usd);
  fraction.insert(0, 6 - fraction.size(), '0');
  return std::to_string(micro() / micro_per_usd) + '.' + fraction;
}

}  // namespace dalsegno::forensics
