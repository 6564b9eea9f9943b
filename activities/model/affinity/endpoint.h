#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::activities {

/// Whether an endpoint takes prompts.
enum class EndpointHealth : std::uint8_t {
  up,
  draining,  ///< ends what it has; takes a prompt only when no endpoint is up
  down,      ///< takes none; when it comes back its cache is empty
};
[[nodiscard]] std::string_view name_of(EndpointHealth health);

/// One place that serves a model.
struct AffinityEndpoint {
  std::string name;
  double weight = 1;                         ///< above 0; the cost of an endpoint is divided by it
  double prefill_tokens_per_second = 8'000;  ///< above 0; where calibration starts
};

}  // namespace dalsegno::activities
