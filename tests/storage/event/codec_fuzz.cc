// Any bytes as a step: never a crash, and what decodes stands for exactly these bytes.

#include "storage/event/codec.h"

#include <cstdlib>

using namespace dalsegno::storage;

namespace {

void claim(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const bytes = std::string_view(reinterpret_cast<char const*>(data), size);
  auto const hash = step_hash(bytes);
  auto const shown = decode(bytes, Reading::show);
  auto const run = decode(bytes, Reading::run);
  if (run) claim(shown && shown->step == run->step && shown->hash == run->hash);
  if (shown) claim(hash && *hash == shown->hash);
  if (!run) return 0;
  // Whoever else could have written this step may have laid it out otherwise; what it says must be
  // kept.
  auto const again = encode(run->step);
  if (again) claim(decode(again->bytes)->step == run->step);
  return 0;
}
