// What it costs to choose an endpoint: 64 endpoints, prompts of 200 blocks, 1,000,000 blocks
// tracked.

#include "activities/model/affinity/router.h"
#include "bench/figure.h"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::bench {
namespace {

using activities::AffinityRouter;
using activities::BlockDigest;

constexpr std::size_t endpoint_count = 64;
constexpr std::size_t prompt_blocks = 200;
constexpr std::uint64_t blocks_tracked = 1'000'000;
constexpr std::size_t session_count = 8'000;
constexpr std::size_t decisions = 50'000;

/// A fixed sequence of numbers (SplitMix64).
class Numbers {
 public:
  std::uint64_t next() {
    auto value = state_ += 0x9E3779B97F4A7C15U;
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31U);
  }

 private:
  std::uint64_t state_ = 1;
};

/// Sessions of 16 prompt families, whose first 20 blocks a family shares. Each prompt has 200
/// blocks and shares all but the last 1 to 32 with the session's one before; one in eight begins
/// anew.
class Sessions {
 public:
  Sessions() : prompts_(session_count), last_(session_count) {}

  /// A session whose next prompt is ready.
  std::size_t pick() {
    auto const at = numbers_.next() % session_count;
    auto& prompt = prompts_[at];
    if (prompt.empty() || numbers_.next() % 8 == 0) {
      auto const family = numbers_.next() % 16;
      prompt.clear();
      for (std::uint64_t i = 0; i < 20; ++i) prompt.push_back(BlockDigest{family << 32U | i});
      last_[at].reset();
    } else {
      prompt.resize(prompt_blocks - 1 - numbers_.next() % 32);
    }
    while (prompt.size() < prompt_blocks) prompt.push_back(BlockDigest{numbers_.next()});
    return at;
  }

  std::vector<BlockDigest> const& prompt(std::size_t at) const { return prompts_[at]; }
  std::optional<std::size_t>& last(std::size_t at) { return last_[at]; }

 private:
  Numbers numbers_;
  std::vector<std::vector<BlockDigest>> prompts_;
  std::vector<std::optional<std::size_t>> last_;
};

AffinityRouter make_router() {
  std::vector<activities::AffinityEndpoint> endpoints(endpoint_count);
  for (std::size_t i = 0; i < endpoint_count; ++i) endpoints[i].name = std::to_string(i);
  // Twice what a cache is believed to hold is tracked.
  auto router = AffinityRouter::create(std::move(endpoints),
                                       {.assumed_blocks = blocks_tracked / endpoint_count / 2});
  if (!router) throw std::runtime_error(router.error().detail);
  return std::move(*router);
}

std::vector<Figure> measure(std::filesystem::path const&) {
  auto router = make_router();
  Sessions sessions;
  Time now;
  auto const route = [&](std::size_t at) {
    auto const& prompt = sessions.prompt(at);
    now += std::chrono::milliseconds(20);
    activities::AffinityRequest request{
        .blocks = prompt, .tokens = prompt.size() * 64, .previous = {}};
    if (auto const last = sessions.last(at))
      request.previous = activities::PreviousPrompt{.endpoint = *last, .blocks = prompt};
    auto const start = Clock::now();
    auto const choice = router.route(request, now);
    auto const elapsed = microseconds_since(start);
    if (!choice) throw std::runtime_error(choice.error().detail);
    sessions.last(at) = choice->endpoint;
    return elapsed;
  };
  // Until every endpoint has all it may have.
  for (std::size_t i = 0; router.tracked_blocks() < blocks_tracked * 99 / 100 && i < 200'000; ++i)
    route(sessions.pick());
  std::vector<double> samples;
  for (std::size_t i = 0; i < decisions; ++i) samples.push_back(route(sessions.pick()));
  return {{"affinity_p50", quantile(samples, 0.5), "us", {}},
          {"affinity_p99", quantile(samples, 0.99), "us", {}},
          {"affinity_tracked", static_cast<double>(router.tracked_blocks()), "blocks", {}}};
}

}  // namespace

Benchmark affinity() { return {"affinity", measure}; }

}  // namespace dalsegno::bench
