// Any bytes as an event stream: whole and byte by byte they give the same events, none of them over
// the limit.

#include "activities/model/sse.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  constexpr std::size_t limit = 256;
  std::string_view const stream(reinterpret_cast<char const*>(data), size);
  std::vector<activities::SseEvent> whole;
  std::vector<activities::SseEvent> bytewise;
  activities::SseParser at_once(limit);
  bool const is_fine = bool(
      at_once.feed(stream, [&](activities::SseEvent const& event) { whole.push_back(event); }));
  activities::SseParser slowly(limit);
  bool is_slowly_fine = true;
  for (auto const& byte : stream) {
    is_slowly_fine = bool(slowly.feed(
        {&byte, 1}, [&](activities::SseEvent const& event) { bytewise.push_back(event); }));
  }
  assert(is_fine == is_slowly_fine);
  assert(whole == bytewise);
  assert(at_once.retry_ms() == slowly.retry_ms());
  for (auto const& event : whole) assert(event.data.size() <= limit);
  return 0;
}
