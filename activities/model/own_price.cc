#include "activities/model/own_price.h"

#include <algorithm>

namespace dalsegno::activities {

Cost cost_at(model::Price const& price, Usage const& usage) {
  constexpr double per_token = 1e-6;
  auto const cached = std::min(usage.cached, usage.input);
  Cost cost;
  cost.input = (static_cast<double>(usage.input - cached) * price.input_usd +
                static_cast<double>(cached) * price.cached_usd.value_or(price.input_usd)) *
               per_token;
  cost.output = static_cast<double>(usage.output) * price.output_usd * per_token;
  cost.version = "configured";
  return cost;
}

}  // namespace dalsegno::activities
