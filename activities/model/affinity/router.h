#pragma once

#include "activities/model/affinity/cache_model.h"
#include "activities/model/affinity/capacity_estimate.h"
#include "activities/model/affinity/choice.h"
#include "activities/model/affinity/endpoint.h"
#include "activities/model/affinity/miss.h"
#include "dalsegno/ids.h"
#include "dalsegno/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace dalsegno::activities {

/// No cache is taken to hold more blocks.
inline constexpr std::uint64_t max_cache_blocks = std::uint64_t{1} << 31U;

struct AffinityOptions {
  /// One second of prefill that a cache would have saved counts like so many seconds in a queue.
  double priced_miss = 8;
  /// About how many tokens a block stands for. At least 1.
  std::uint32_t block_tokens = 64;
  /// The blocks that a cache is taken to hold until answers show otherwise: rather too many. What
  /// is learned of the first endpoint holds for those of which nothing is known.
  std::uint64_t assumed_blocks = 80'000;
  /// A server may report so many tokens less than it had, by rounding.
  std::uint32_t report_slack_tokens = 256;
};

/// Chooses the endpoint for each prompt by the priced miss: cost = expected wait in the queue +
/// priced_miss * time to prefill what the endpoint's cache lacks; the cheapest is taken. Of equals
/// the one whose cache has room or else pushes out the oldest block, then the one that was given
/// the least prefill time so far (by weight), then the first in the list.
///
/// What a cache holds and how long a queue is are the router's own model: an LRU cache for each
/// endpoint, whose size is learned from the cached tokens that answers report, and the prefill time
/// that was sent there and is not yet done. No clock, no randomness: the same calls give the same
/// choices.
///
/// Thread: one at a time. A reference to a choice's spans is not kept.
/// Source: docs/affinity.md.
class AffinityRouter {
 public:
  /// Errors: Errc::invalid for no endpoint, more than 4,096, one without name, two of one name, a
  /// weight or rate that is not above 0, or an option out of its range.
  [[nodiscard]] static Result<AffinityRouter> create(std::vector<AffinityEndpoint> endpoints,
                                                     AffinityOptions options = {});

  /// The endpoint for one prompt; from now on the model takes it to be sent there.
  /// Errors: Errc::unavailable when every endpoint is down.
  [[nodiscard]] Result<AffinityChoice> route(AffinityRequest const& request, Time now);

  /// What came of a choice. Reports may come in any order, late or never.
  MissAccount report(AffinityChoice const& choice, AffinityReport const& report);

  /// `endpoint` is one of the list.
  void set_health(std::size_t endpoint, EndpointHealth health, Time now);

  [[nodiscard]] std::vector<AffinityEndpoint> const& endpoints() const { return endpoints_; }
  [[nodiscard]] EndpointHealth health(std::size_t endpoint) const {
    return states_[endpoint].health;
  }
  [[nodiscard]] std::uint64_t capacity_blocks(std::size_t endpoint) const {
    return states_[endpoint].capacity.blocks();
  }
  [[nodiscard]] double prefill_tokens_per_second(std::size_t endpoint) const {
    return states_[endpoint].tokens_per_second;
  }
  [[nodiscard]] std::uint64_t tracked_blocks() const { return caches_.tracked_blocks(); }

 private:
  struct State {
    EndpointHealth health = EndpointHealth::up;
    CapacityEstimate capacity;
    double tokens_per_second = 0;
    double assigned_seconds = 0;         // prefill given so far
    Time busy_until;                     // when the prefill that was sent there is done
    std::uint64_t busy_period = 0;       // counts the times it was found idle
    std::chrono::microseconds delay{0};  // by which reports moved busy_until in this period
    std::uint64_t incarnation = 0;       // counts the times it went down
  };

  AffinityRouter(std::vector<AffinityEndpoint> endpoints, AffinityOptions options);
  [[nodiscard]] std::uint64_t tokens_of(std::uint32_t blocks, std::uint64_t tokens) const;
  void price(AffinityRequest const& request,
             Time now,
             std::vector<AffinityCandidate>& candidates) const;
  [[nodiscard]] std::optional<std::size_t> cheapest(
      std::vector<AffinityCandidate>& candidates) const;
  void enqueue(AffinityChoice& choice, double prefill_seconds, Time now);
  [[nodiscard]] std::uint32_t reported_blocks(AffinityChoice const& choice,
                                              std::uint64_t cached_tokens) const;
  void calibrate_capacity(AffinityChoice const& choice, std::uint32_t reported);
  void calibrate_rate(AffinityChoice const& choice, AffinityReport const& report);
  void calibrate_queue(AffinityChoice const& choice, AffinityReport const& report);

  std::vector<AffinityEndpoint> endpoints_;
  AffinityOptions options_;
  std::vector<State> states_;
  CacheModel caches_;
  CacheModel::Match match_;  // scratch of `route`
};

}  // namespace dalsegno::activities
