#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "tests/corpus/affinity_trace.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::corpus {

/// The endpoint that is lost and comes back with an empty cache.
struct Loss {
  std::size_t endpoint = 0;
  std::chrono::microseconds from{0};
  std::chrono::microseconds to{0};
};

struct SimulationSettings {
  std::size_t endpoints = 8;
  std::uint64_t capacity = 20'000;  ///< blocks of each cache
  std::uint64_t assumed = 0;        ///< blocks that our router begins with
  std::string strategy = "ours";
  std::optional<Loss> loss;
};

/// What became of one call of the trace.
struct CallOutcome {
  std::uint64_t hit_blocks = 0;
  std::chrono::microseconds wait{0};  ///< from its arrival to the prefill that was not lost
  std::size_t endpoint = 0;
  int attempts = 0;
  bool answered = false;
};

struct SimulationResult {
  std::vector<CallOutcome> calls;             ///< as in the trace
  std::vector<std::uint64_t> prefill_tokens;  ///< by endpoint, lost prefill too
  std::vector<std::uint64_t> capacities;      ///< as our router believes at the end
  std::map<std::string, std::uint64_t> misses;
  std::map<std::string, std::uint64_t> bindings;
  /// When the cache that was lost holds as many blocks as before.
  std::optional<std::chrono::microseconds> refilled;
};

/// Runs `trace` against a model of the endpoints: each prefills 8,000 tokens a second, first in
/// first out; an answer then takes 30 ms a token; blocks enter its LRU cache when a call is sent.
/// What is in the cache is taken from the model, never from what the strategy believes.
///
/// Strategies: ours (the product's router, which is told of each answer when it ends), round_robin,
/// random, session_hash, least_loaded (the fewest calls under way), optimum (the
/// same, with one cache that has the blocks of all).
/// Errors: Errc::invalid for another strategy, and for settings out of range.
[[nodiscard]] Result<SimulationResult> simulate(Trace const& trace,
                                                SimulationSettings const& settings);

}  // namespace dalsegno::corpus
