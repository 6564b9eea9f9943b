#include "activities/model/client/endpoint_pool.h"

#include "dalsegno/try.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace dalsegno::activities {
namespace {

// What is kept of the last prompts of runs, all together: 32 MiB.
constexpr std::size_t max_previous_blocks = 4U << 20U;
constexpr std::size_t max_previous = 100'000;

}  // namespace

Result<std::unique_ptr<EndpointPool>> EndpointPool::make(std::vector<PoolEndpoint> const& endpoints,
                                                         BreakerOptions const& breaker) {
  std::vector<AffinityEndpoint> list;
  list.reserve(endpoints.size());
  for (auto const& endpoint : endpoints) list.push_back(endpoint.affinity);
  AffinityOptions options;
  options.block_tokens = prompt_block_tokens;
  TRY(auto router, AffinityRouter::create(std::move(list), options));
  return std::unique_ptr<EndpointPool>(new EndpointPool(std::move(router), endpoints, breaker));
}

EndpointPool::EndpointPool(AffinityRouter router,
                           std::vector<PoolEndpoint> const& endpoints,
                           BreakerOptions const& breaker)
    : router_(std::move(router)),
      breakers_(endpoints.size(), Breaker(breaker)),
      reports_cache_(endpoints.size(), false) {
  draining_.reserve(endpoints.size());
  for (auto const& endpoint : endpoints) draining_.push_back(endpoint.draining);
}

bool EndpointPool::refresh(Time now) {
  bool has_up = false;
  bool has_any = false;
  for (std::size_t i = 0; i < breakers_.size(); ++i) {
    bool const is_free = !breakers_[i].blocked_until(now);
    has_any |= is_free;
    has_up |= is_free && !draining_[i];
  }
  for (std::size_t i = 0; i < breakers_.size(); ++i) {
    auto health = draining_[i] ? EndpointHealth::draining : EndpointHealth::up;
    if (breakers_[i].state(now) == Breaker::State::open)
      health = EndpointHealth::down;
    else if (breakers_[i].blocked_until(now))
      // Passed over while another is up; where only draining ones are left it must not be theirs.
      health = has_up ? EndpointHealth::draining : EndpointHealth::down;
    if (router_.health(i) != health) router_.set_health(i, health, now);
  }
  return has_any;
}

ModelFault EndpointPool::unavailable(Time now) const {
  Time first = Time::max();
  std::string list;
  for (std::size_t i = 0; i < breakers_.size(); ++i) {
    first = std::min(first, breakers_[i].blocked_until(now).value_or(now));
    if (i < 8) list += (list.empty() ? "" : ", ") + router_.endpoints()[i].name;
  }
  return {.type = std::string(endpoints_unavailable),
          .message = "every endpoint of the model is left alone for a while: " + list,
          .retryable = true,
          .retry_after = std::chrono::ceil<std::chrono::milliseconds>(first - now),
          .status = 0};
}

OrFault<EndpointPool::Chosen> EndpointPool::choose(RunId const& run,
                                                   PromptBlocks const& prompt,
                                                   Time now) {
  std::lock_guard const lock(mutex_);
  if (!refresh(now)) return std::unexpected(unavailable(now));
  AffinityRequest request{.blocks = prompt.blocks, .tokens = prompt.tokens, .previous = {}};
  if (auto const known = previous_of_.find(run); known != previous_of_.end())
    request.previous = PreviousPrompt{known->second->endpoint, known->second->blocks};
  auto choice = router_.route(request, now);
  if (!choice || breakers_[choice->endpoint].blocked_until(now))
    return std::unexpected(unavailable(now));
  breakers_[choice->endpoint].begin(now);
  auto const endpoint = choice->endpoint;
  remember(run, endpoint, prompt.blocks);
  return Chosen{endpoint, std::move(*choice)};
}

std::optional<MissAccount> EndpointPool::done(Chosen const& chosen,
                                              PromptBlocks const& prompt,
                                              ModelCalled const& called) {
  std::lock_guard const lock(mutex_);
  auto& breaker = breakers_[chosen.endpoint];
  if (!called.answer) {
    if (called.answer.error().type == "cancelled")
      breaker.abandoned();
    else
      breaker.failed(called.answer.error(), called.ended);
    return std::nullopt;
  }
  breaker.succeeded();
  AffinityReport report{.cached_tokens = {}, .first_token = called.first_token};
  auto const& usage = called.answer->usage;
  if (usage && usage->cached > 0) reports_cache_[chosen.endpoint] = true;
  // One that never has reported any may just not say.
  if (usage && usage->input > 0 && reports_cache_[chosen.endpoint])
    report.cached_tokens = static_cast<std::uint64_t>(static_cast<double>(usage->cached) /
                                                      static_cast<double>(usage->input) *
                                                      static_cast<double>(prompt.tokens));
  auto const account = router_.report(chosen.choice, report);
  if (!report.cached_tokens) return std::nullopt;
  return account;
}

bool EndpointPool::takes_calls(Time now) const {
  std::lock_guard const lock(mutex_);
  return std::ranges::any_of(breakers_,
                             [&](Breaker const& breaker) { return !breaker.blocked_until(now); });
}

Breaker::State EndpointPool::state(std::size_t index, Time now) const {
  std::lock_guard const lock(mutex_);
  return breakers_[index].state(now);
}

void EndpointPool::remember(RunId const& run,
                            std::size_t endpoint,
                            std::vector<BlockDigest> const& blocks) {
  auto const forget = [this](PreviousList::iterator which) {
    previous_blocks_ -= which->blocks.size();
    previous_of_.erase(which->run);
    previous_.erase(which);
  };
  if (auto const known = previous_of_.find(run); known != previous_of_.end()) forget(known->second);
  previous_.push_front({run, endpoint, blocks});
  previous_of_[run] = previous_.begin();
  previous_blocks_ += blocks.size();
  while (previous_.size() > 1 &&
         (previous_blocks_ > max_previous_blocks || previous_.size() > max_previous))
    forget(std::prev(previous_.end()));
}

}  // namespace dalsegno::activities
