// Any bytes as a configuration: one whose names are all there, or an error with its line.

#include "tools/dalsegno/config/config.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  auto const config = config::parse_config(
      std::string_view(reinterpret_cast<char const*>(data), size), "fuzz.toml");
  if (!config) {
    assert(config.error().detail.starts_with("fuzz.toml:"));
    return 0;
  }
  for (auto const& [name, agent] : config->agents) {
    assert(config->models.contains(agent.model));
    for (auto const& tool : agent.tools) assert(config->tools.contains(tool));
  }
  for (auto const& [name, route] : config->routes) assert(activities::check(route).has_value());
  return 0;
}
