#include "tests/corpus/affinity_simulation.h"

#include "dalsegno/try.h"
#include "tests/corpus/affinity_strategy.h"
#include "tests/corpus/lru_cache.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <tuple>
#include <utility>

namespace dalsegno::corpus {
namespace {

using std::chrono::microseconds;

constexpr double prefill_tokens_per_second = 8'000;
constexpr std::int64_t output_token_us = 30'000;
constexpr std::size_t max_endpoints = 1'024;

struct Event {
  enum class Kind { answered, lost, back, arrival };
  microseconds at{0};
  Kind kind = Kind::arrival;
  std::size_t subject = 0;  // a call, or an endpoint
  int attempt = 0;

  [[nodiscard]] auto rank() const { return std::tuple(at, kind, subject, attempt); }
  friend bool operator>(Event const& a, Event const& b) { return a.rank() > b.rank(); }
};

class Simulation {
 public:
  Simulation(Trace const& trace, SimulationSettings const& settings, Strategy& strategy)
      : trace_(trace),
        settings_(settings),
        strategy_(strategy),
        pooled_(settings.strategy == "optimum"),
        caches_(pooled_ ? 1 : settings.endpoints,
                LruCache(settings.capacity * (pooled_ ? settings.endpoints : 1))),
        free_at_(settings.endpoints),
        first_token_(trace.calls.size()) {
    result_.calls.resize(trace.calls.size());
    result_.prefill_tokens.resize(settings.endpoints);
  }

  SimulationResult run() {
    for (std::size_t i = 0; i < trace_.calls.size(); ++i)
      events_.push({.at = trace_.calls[i].at, .kind = Event::Kind::arrival, .subject = i});
    if (auto const& loss = settings_.loss) {
      events_.push({.at = loss->from, .kind = Event::Kind::lost, .subject = loss->endpoint});
      events_.push({.at = loss->to, .kind = Event::Kind::back, .subject = loss->endpoint});
    }
    while (!events_.empty()) {
      auto const event = events_.top();
      events_.pop();
      switch (event.kind) {
        case Event::Kind::answered:
          answered(event);
          break;
        case Event::Kind::lost:
          lose(event);
          break;
        case Event::Kind::back:
          strategy_.back(event.subject, event.at);
          break;
        case Event::Kind::arrival:
          send(event.subject, event.at);
          break;
      }
    }
    strategy_.conclude(result_);
    return std::move(result_);
  }

 private:
  void send(std::size_t index, microseconds now) {
    auto const& call = trace_.calls[index];
    auto& outcome = result_.calls[index];
    outcome.endpoint = strategy_.choose(index, now);
    ++outcome.attempts;
    auto& cache = caches_[pooled_ ? 0 : outcome.endpoint];
    outcome.hit_blocks = cache.use(call.blocks);
    auto const uncached = call.input_tokens - cached_tokens(index);
    auto& free_at = free_at_[outcome.endpoint];
    auto const start = std::max(now, free_at);
    free_at =
        start +
        microseconds(std::llround(static_cast<double>(uncached) * 1e6 / prefill_tokens_per_second));
    outcome.wait = start - call.at;
    first_token_[index] = free_at;
    result_.prefill_tokens[outcome.endpoint] += uncached;
    events_.push({.at = free_at + microseconds(static_cast<std::int64_t>(call.output_tokens) *
                                               output_token_us),
                  .kind = Event::Kind::answered,
                  .subject = index,
                  .attempt = outcome.attempts});
    if (came_back(now) && outcome.endpoint == settings_.loss->endpoint && !result_.refilled &&
        cache.size() >= blocks_lost_)
      result_.refilled = now;
  }

  void answered(Event const& event) {
    auto& outcome = result_.calls[event.subject];
    if (event.attempt != outcome.attempts) return;  // that attempt was lost
    outcome.answered = true;
    strategy_.answered(event.subject, cached_tokens(event.subject), first_token_[event.subject]);
  }

  // What was under way there is sent again at once, in the order it had come.
  void lose(Event const& event) {
    auto const endpoint = event.subject;
    strategy_.lost(endpoint, event.at);
    blocks_lost_ = caches_[endpoint].size();
    caches_[endpoint].clear();
    free_at_[endpoint] = event.at;
    for (std::size_t i = 0; i < result_.calls.size(); ++i) {
      auto const& outcome = result_.calls[i];
      if (outcome.attempts > 0 && !outcome.answered && outcome.endpoint == endpoint)
        send(i, event.at);
    }
  }

  [[nodiscard]] bool came_back(microseconds now) const {
    return settings_.loss && now >= settings_.loss->to;
  }

  [[nodiscard]] std::uint64_t cached_tokens(std::size_t index) const {
    return std::min(result_.calls[index].hit_blocks * trace_.block_tokens,
                    trace_.calls[index].input_tokens);
  }

  Trace const& trace_;
  SimulationSettings const& settings_;
  Strategy& strategy_;
  bool pooled_;
  std::vector<LruCache> caches_;
  std::vector<microseconds> free_at_;
  std::vector<microseconds> first_token_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t blocks_lost_ = 0;
  SimulationResult result_;
};

}  // namespace

Result<SimulationResult> simulate(Trace const& trace, SimulationSettings const& settings) {
  auto const refuse = [](std::string what) { return Error(Errc::invalid, std::move(what)); };
  if (settings.endpoints == 0 || settings.endpoints > max_endpoints)
    return refuse("there are 1 to " + std::to_string(max_endpoints) + " endpoints");
  if (settings.capacity == 0) return refuse("a cache has at least 1 block");
  if (settings.loss) {
    if (settings.strategy == "optimum") return refuse("the optimum loses no endpoint");
    if (settings.endpoints < 2) return refuse("the only endpoint cannot be lost");
    if (settings.loss->endpoint >= settings.endpoints)
      return refuse("there is no endpoint " + std::to_string(settings.loss->endpoint));
    if (settings.loss->from >= settings.loss->to)
      return refuse("an endpoint comes back after it was lost");
  }
  TRY(auto const strategy, make_strategy(trace, settings));
  return Simulation(trace, settings, *strategy).run();
}

}  // namespace dalsegno::corpus
