#pragma once

#include "dalsegno/result.h"
#include "tests/corpus/affinity_simulation.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace dalsegno::corpus {

/// Chooses an endpoint for each call of a trace.
class Strategy {
 public:
  virtual ~Strategy() = default;

  /// The endpoint for call `index`; never one that is lost.
  virtual std::size_t choose(std::size_t index, std::chrono::microseconds now) = 0;
  /// The answer to the last attempt of call `index` has ended.
  virtual void answered(std::size_t index,
                        std::uint64_t cached_tokens,
                        std::chrono::microseconds first_token) = 0;
  virtual void lost(std::size_t endpoint, std::chrono::microseconds now) = 0;
  virtual void back(std::size_t endpoint, std::chrono::microseconds now) = 0;
  /// Adds what the strategy knows of itself.
  virtual void conclude(SimulationResult& /*result*/) const {}
};

/// Errors: Errc::invalid for a name that is none of a strategy.
[[nodiscard]] Result<std::unique_ptr<Strategy>> make_strategy(Trace const& trace,
                                                              SimulationSettings const& settings);

}  // namespace dalsegno::corpus
