// Any bytes as a request for a route: a decision with a reason for every model that was not taken,
// or an error that says why.

#include "activities/model/routing/route_json.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  auto const request =
      activities::parse_route_request(std::string_view(reinterpret_cast<char const*>(data), size));
  if (!request) {
    assert(!request.error().detail.empty());
    return 0;
  }
  activities::RouteRules const rules{
      .name = "fuzz",
      .candidates = {{.name = "small", .context_tokens = 8'000, .input_usd = 1, .cached_usd = 0.1},
                     {.name = "large", .tier = 1, .input_usd = 10, .cached_usd = 1}},
      .floors = {{Risk::money, 1}},
      .bands = {{.from = 0.5, .tier = 1}}};
  auto const decision = activities::decide_route(rules, activities::builtin_complexity(), *request);
  std::size_t taken = 0;
  for (auto const& candidate : decision.candidates) taken += candidate.rejected ? 0 : 1;
  assert(taken == (decision.model.empty() ? 0 : 1));
  static_cast<void>(to_string(activities::to_json_value(decision)));
  return 0;
}
