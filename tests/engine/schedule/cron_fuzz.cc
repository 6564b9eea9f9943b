// Whatever stands in a cron expression: it is refused, or its first occurrences are computed.

#include "engine/schedule/cron.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  auto const cron =
      engine::Cron::parse(std::string_view(reinterpret_cast<char const*>(data), size));
  if (!cron) {
    assert(cron.error().code == Errc::invalid);
    return 0;
  }
  engine::WallTime at(std::chrono::local_days(std::chrono::year(2026) / 1 / 1));
  for (int i = 0; i < 3; ++i) {
    auto const next = cron->at_or_after(at);
    assert(next && *next >= at && cron->matches(*next));
    at = *next + std::chrono::seconds(1);
  }
  return 0;
}
