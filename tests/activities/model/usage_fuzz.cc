// Any bytes as an answer: a usage whose parts are within their whole, or an error that says why.

#include "activities/model/usage.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  auto const json = parse_json(std::string_view(reinterpret_cast<char const*>(data), size));
  if (!json) return 0;
  auto const usage = activities::read_usage(*json);
  if (!usage) {
    assert(!usage.error().detail.empty());
    return 0;
  }
  assert(usage->cached + usage->cache_write <= usage->input);
  assert(usage->reasoning <= usage->output && usage->cached_audio <= usage->input_audio);
  return 0;
}
