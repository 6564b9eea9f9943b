#include "activities/model/affinity/router.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace dalsegno::activities {
namespace {

using std::chrono::microseconds;

constexpr std::size_t max_endpoints = 4'096;
/// Of each endpoint so many times what it is believed to hold is tracked: how far one report can
/// raise the belief.
constexpr std::uint64_t tracked_factor = 2;

/// A shorter prefill is mostly the way there and back.
constexpr std::uint64_t least_prefill_tokens = 1'024;

CacheModel::Capacity capacity_of(CapacityEstimate const& estimate) {
  auto const tracked = estimate.blocks() * tracked_factor;
  return {.believed = estimate.blocks(), .tracked = tracked};
}

microseconds to_time(double seconds) {
  return microseconds(std::llround(std::clamp(seconds, -1e9, 1e9) * 1e6));
}

double to_seconds(microseconds time) { return static_cast<double>(time.count()) / 1e6; }

bool is_positive(double value) { return std::isfinite(value) && value > 0; }

std::uint32_t shared_length(std::span<BlockDigest const> a, std::span<BlockDigest const> b) {
  return static_cast<std::uint32_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

BindingCause binding_of(AffinityRequest const& request,
                        AffinityCandidate const& taken,
                        std::vector<AffinityCandidate> const& candidates) {
  if (!request.previous) return BindingCause::first;
  assert(request.previous->endpoint < candidates.size());
  auto const& before = candidates[request.previous->endpoint];
  if (before.endpoint == taken.endpoint) return BindingCause::kept;
  if (before.rejected == RejectionReason::down) return BindingCause::down;
  if (before.rejected == RejectionReason::draining) return BindingCause::draining;
  return before.predicted_blocks > taken.predicted_blocks ? BindingCause::queue
                                                          : BindingCause::evicted;
}

}  // namespace

Result<AffinityRouter> AffinityRouter::create(std::vector<AffinityEndpoint> endpoints,
                                              AffinityOptions options) {
  auto const refuse = [](std::string what) { return Error(Errc::invalid, std::move(what)); };
  if (endpoints.empty() || endpoints.size() > max_endpoints)
    return refuse("a pool has 1 to " + std::to_string(max_endpoints) + " endpoints, not " +
                  std::to_string(endpoints.size()));
  std::set<std::string_view> names;
  for (auto const& endpoint : endpoints) {
    if (endpoint.name.empty()) return refuse("an endpoint has no name");
    if (!names.insert(endpoint.name).second)
      return refuse("two endpoints are named \"" + endpoint.name + "\"");
    if (!is_positive(endpoint.weight))
      return refuse("endpoint \"" + endpoint.name + "\": the weight must be above 0");
    if (!is_positive(endpoint.prefill_tokens_per_second))
      return refuse("endpoint \"" + endpoint.name +
                    "\": prefill_tokens_per_second must be above 0");
  }
  if (!std::isfinite(options.priced_miss) || options.priced_miss < 0)
    return refuse("priced_miss must be 0 or more");
  if (options.block_tokens == 0) return refuse("block_tokens must be at least 1");
  if (options.assumed_blocks == 0 || options.assumed_blocks > max_cache_blocks)
    return refuse("assumed_blocks must be 1 to " + std::to_string(max_cache_blocks));
  return AffinityRouter(std::move(endpoints), options);
}

AffinityRouter::AffinityRouter(std::vector<AffinityEndpoint> endpoints, AffinityOptions options)
    : endpoints_(std::move(endpoints)),
      options_(options),
      caches_(endpoints_.size(), capacity_of(CapacityEstimate(options.assumed_blocks))) {
  for (auto const& endpoint : endpoints_)
    states_.push_back({.capacity = CapacityEstimate(options.assumed_blocks),
                       .tokens_per_second = endpoint.prefill_tokens_per_second,
                       .busy_until = {}});
}

Result<AffinityChoice> AffinityRouter::route(AffinityRequest const& request, Time now) {
  AffinityChoice choice;
  caches_.match(request.blocks, match_);
  price(request, now, choice.candidates);
  auto const taken = cheapest(choice.candidates);
  if (!taken)
    return Error(Errc::unavailable,
                 "all " + std::to_string(endpoints_.size()) + " endpoints are down");
  auto const& candidate = choice.candidates[*taken];
  choice.endpoint = *taken;
  choice.binding = binding_of(request, candidate, choice.candidates);
  choice.blocks = static_cast<std::uint32_t>(request.blocks.size());
  choice.tokens = request.tokens;
  choice.predicted_blocks = candidate.predicted_blocks;
  choice.predicted_tokens = tokens_of(candidate.predicted_blocks, request.tokens);
  if (request.previous) {
    choice.previous_blocks = static_cast<std::uint32_t>(request.previous->blocks.size());
    choice.shared_with_previous = shared_length(request.blocks, request.previous->blocks);
  }
  caches_.depths(*taken, match_, choice.standing.depths);
  choice.standing.tracked_blocks = match_.tracked[*taken];
  caches_.touch(*taken, request.blocks, match_, now);
  enqueue(choice, candidate.prefill_seconds, now);
  return choice;
}

std::uint64_t AffinityRouter::tokens_of(std::uint32_t blocks, std::uint64_t tokens) const {
  return std::min(std::uint64_t{blocks} * options_.block_tokens, tokens);
}

void AffinityRouter::price(AffinityRequest const& request,
                           Time now,
                           std::vector<AffinityCandidate>& candidates) const {
  candidates.resize(endpoints_.size());
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    auto const& state = states_[i];
    auto& candidate = candidates[i];
    candidate.endpoint = i;
    candidate.predicted_blocks = match_.believed[i];
    auto const cached = tokens_of(candidate.predicted_blocks, request.tokens);
    candidate.prefill_seconds =
        static_cast<double>(request.tokens - cached) / state.tokens_per_second;
    candidate.wait_seconds = state.busy_until > now ? to_seconds(state.busy_until - now) : 0;
    candidate.cost = (candidate.wait_seconds + options_.priced_miss * candidate.prefill_seconds) /
                     endpoints_[i].weight;
  }
}

std::optional<std::size_t> AffinityRouter::cheapest(
    std::vector<AffinityCandidate>& candidates) const {
  auto const rank = [&](AffinityCandidate const& candidate) {
    auto const& state = states_[candidate.endpoint];
    return std::tuple(state.health,
                      candidate.cost,
                      caches_.pushed_out(candidate.endpoint),
                      state.assigned_seconds / endpoints_[candidate.endpoint].weight);
  };
  auto const best = std::ranges::min_element(candidates, {}, rank);
  if (states_[best->endpoint].health == EndpointHealth::down) return std::nullopt;
  for (auto& candidate : candidates) {
    auto const health = states_[candidate.endpoint].health;
    if (candidate.endpoint == best->endpoint) continue;
    candidate.rejected = health == EndpointHealth::down       ? RejectionReason::down
                         : health == EndpointHealth::draining ? RejectionReason::draining
                                                              : RejectionReason::costlier;
  }
  return best->endpoint;
}

void AffinityRouter::enqueue(AffinityChoice& choice, double prefill_seconds, Time now) {
  auto& state = states_[choice.endpoint];
  if (state.busy_until <= now) {
    ++state.busy_period;
    state.busy_until = now;
    state.delay = microseconds(0);
  }
  state.busy_until += to_time(prefill_seconds);
  state.assigned_seconds += prefill_seconds;
  choice.expected_first_token = state.busy_until;
  choice.standing.busy_period = state.busy_period;
  choice.standing.delay = state.delay;
  choice.standing.incarnation = state.incarnation;
}

MissAccount AffinityRouter::report(AffinityChoice const& choice, AffinityReport const& report) {
  assert(choice.endpoint < states_.size());
  auto const& state = states_[choice.endpoint];
  // What an endpoint did before it went down says nothing about it now.
  bool const same_life = choice.standing.incarnation == state.incarnation;
  MissAccount account{.predicted_blocks = choice.predicted_blocks, .changed_at = {}};
  if (report.cached_tokens) {
    auto const reported = reported_blocks(choice, *report.cached_tokens);
    account = account_for(choice, reported, state.capacity);
    if (same_life) calibrate_capacity(choice, reported);
  }
  if (same_life) {
    calibrate_rate(choice, report);
    calibrate_queue(choice, report);
  }
  account.capacity_blocks = state.capacity.blocks();
  return account;
}

// Blocks that a report stands for. Within the slack it is taken to mean what was predicted.
std::uint32_t AffinityRouter::reported_blocks(AffinityChoice const& choice,
                                              std::uint64_t cached_tokens) const {
  if (cached_tokens >= choice.tokens) return choice.blocks;
  if (cached_tokens < choice.predicted_tokens &&
      choice.predicted_tokens - cached_tokens <= options_.report_slack_tokens)
    return choice.predicted_blocks;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(cached_tokens / options_.block_tokens, choice.blocks));
}

void AffinityRouter::calibrate_capacity(AffinityChoice const& choice, std::uint32_t reported) {
  auto const& standing = choice.standing;
  std::optional<std::uint64_t> found;
  std::optional<std::uint64_t> missed;
  if (auto const known = std::min(reported, standing.tracked_blocks); known > 0)
    found = depth_at(standing, known - 1);
  if (reported < standing.tracked_blocks) missed = depth_at(standing, reported);
  auto& capacity = states_[choice.endpoint].capacity;
  if (!capacity.observe(found, missed)) return;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (i != choice.endpoint && !states_[i].capacity.suppose(capacity.blocks())) continue;
    caches_.set_capacity(i, capacity_of(states_[i].capacity));
  }
}

// Only a prompt that did not wait, and had enough to prefill, shows how fast that goes.
void AffinityRouter::calibrate_rate(AffinityChoice const& choice, AffinityReport const& report) {
  auto const& taken = choice.candidates[choice.endpoint];
  auto const cached =
      std::min(report.cached_tokens.value_or(choice.predicted_tokens), choice.tokens);
  auto const prefilled = choice.tokens - cached;
  if (!report.first_token || taken.wait_seconds > 0 || prefilled < least_prefill_tokens) return;
  auto const sent = choice.expected_first_token - to_time(taken.prefill_seconds);
  auto const seconds = to_seconds(*report.first_token - sent);
  if (seconds <= 0) return;
  auto& rate = states_[choice.endpoint].tokens_per_second;
  auto const measured = static_cast<double>(prefilled) / seconds;
  rate += (std::clamp(measured, rate / 4, rate * 4) - rate) / 8;
}

// The queue is as much longer than expected as this prompt's first token was late, less what
// earlier reports have already added since the prompt was sent.
void AffinityRouter::calibrate_queue(AffinityChoice const& choice, AffinityReport const& report) {
  auto& state = states_[choice.endpoint];
  if (choice.standing.busy_period != state.busy_period) return;  // it has run dry since
  microseconds late{0};
  if (report.first_token) {
    late = *report.first_token - choice.expected_first_token;
  } else if (report.cached_tokens) {
    auto const cached = std::min(*report.cached_tokens, choice.tokens);
    late = to_time((static_cast<double>(choice.predicted_tokens) - static_cast<double>(cached)) /
                   state.tokens_per_second);
  } else {
    return;
  }
  auto const more = late - (state.delay - choice.standing.delay);
  state.busy_until += more;
  state.delay += more;
}

void AffinityRouter::set_health(std::size_t endpoint, EndpointHealth health, Time now) {
  auto& state = states_.at(endpoint);
  if (health == EndpointHealth::down && state.health != EndpointHealth::down) {
    caches_.clear(endpoint);
    state.capacity.restart();
    state.busy_until = now;
    ++state.incarnation;
  }
  state.health = health;
}

}  // namespace dalsegno::activities
