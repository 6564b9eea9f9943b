#include "tests/corpus/affinity_strategy.h"

#include "activities/model/affinity/router.h"
#include "dalsegno/try.h"

#include <cassert>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dalsegno::corpus {
namespace {

using activities::AffinityChoice;
using activities::AffinityEndpoint;
using activities::AffinityRouter;
using activities::EndpointHealth;
using std::chrono::microseconds;

/// The product's router, told what a pool of endpoints would tell it.
class Ours : public Strategy {
 public:
  Ours(Trace const& trace, AffinityRouter router)
      : trace_(trace), router_(std::move(router)), choices_(trace.calls.size()) {}

  std::size_t choose(std::size_t index, microseconds now) override {
    auto const& call = trace_.calls[index];
    activities::AffinityRequest request{
        .blocks = call.blocks, .tokens = call.input_tokens, .previous = {}};
    if (auto const last = last_.find(call.thread); last != last_.end())
      request.previous = activities::PreviousPrompt{
          .endpoint = last->second.first, .blocks = trace_.calls[last->second.second].blocks};
    auto choice = router_.route(request, Time(now));
    assert(choice && "an endpoint is up");
    last_[call.thread] = {choice->endpoint, index};
    ++bindings_[std::string(name_of(choice->binding))];
    choices_[index] = std::move(*choice);
    return choices_[index].endpoint;
  }

  void answered(std::size_t index, std::uint64_t cached, microseconds first_token) override {
    auto const account = router_.report(
        choices_[index], {.cached_tokens = cached, .first_token = Time(first_token)});
    ++misses_[std::string(name_of(account.cause))];
    choices_[index] = {};
  }

  void lost(std::size_t endpoint, microseconds now) override {
    router_.set_health(endpoint, EndpointHealth::down, Time(now));
  }
  void back(std::size_t endpoint, microseconds now) override {
    router_.set_health(endpoint, EndpointHealth::up, Time(now));
  }

  void conclude(SimulationResult& result) const override {
    result.misses = misses_;
    result.bindings = bindings_;
    for (std::size_t i = 0; i < router_.endpoints().size(); ++i)
      result.capacities.push_back(router_.capacity_blocks(i));
  }

 private:
  Trace const& trace_;
  AffinityRouter router_;
  std::vector<AffinityChoice> choices_;
  std::unordered_map<std::uint64_t, std::pair<std::size_t, std::size_t>> last_;
  std::map<std::string, std::uint64_t> misses_;
  std::map<std::string, std::uint64_t> bindings_;
};

/// What others do: they know who is up and how much is under way, and nothing of caches.
class Plain : public Strategy {
 public:
  enum class Kind { round_robin, random, session_hash, least_loaded };

  Plain(Trace const& trace, std::size_t endpoints, Kind kind)
      : trace_(trace),
        kind_(kind),
        up_(endpoints, true),
        under_way_(endpoints, 0),
        sent_to_(trace.calls.size(), 0) {}

  std::size_t choose(std::size_t index, microseconds /*now*/) override {
    auto at = wanted(index);
    while (!up_[at]) at = (at + 1) % up_.size();
    ++under_way_[at];
    sent_to_[index] = at;
    return at;
  }

  void answered(std::size_t index, std::uint64_t /*cached*/, microseconds /*first*/) override {
    --under_way_[sent_to_[index]];
  }
  void lost(std::size_t endpoint, microseconds /*now*/) override {
    up_[endpoint] = false;
    under_way_[endpoint] = 0;
  }
  void back(std::size_t endpoint, microseconds /*now*/) override { up_[endpoint] = true; }

 private:
  std::size_t wanted(std::size_t index) {
    auto const endpoints = up_.size();
    switch (kind_) {
      case Kind::round_robin:
        return next_++ % endpoints;
      case Kind::random:
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
        return (random_ >> 33U) % endpoints;
      case Kind::session_hash:
        return trace_.calls[index].session % endpoints;
      case Kind::least_loaded:
        break;
    }
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < endpoints; ++i)
      if (up_[i] && (!best || under_way_[i] < under_way_[*best])) best = i;
    return *best;
  }

  Trace const& trace_;
  Kind kind_;
  std::vector<bool> up_;
  std::vector<std::uint64_t> under_way_;
  std::vector<std::size_t> sent_to_;
  std::size_t next_ = 0;
  std::uint64_t random_ = 1;
};

}  // namespace

Result<std::unique_ptr<Strategy>> make_strategy(Trace const& trace,
                                                SimulationSettings const& settings) {
  if (settings.strategy == "ours") {
    std::vector<AffinityEndpoint> endpoints(settings.endpoints);
    for (std::size_t i = 0; i < endpoints.size(); ++i) endpoints[i].name = std::to_string(i);
    activities::AffinityOptions options{.block_tokens = trace.block_tokens};
    if (settings.assumed > 0) options.assumed_blocks = settings.assumed;
    TRY(auto router, AffinityRouter::create(std::move(endpoints), options));
    return std::make_unique<Ours>(trace, std::move(router));
  }
  using enum Plain::Kind;
  for (auto const& [name, kind] : {std::pair("round_robin", round_robin),
                                   std::pair("random", random),
                                   std::pair("session_hash", session_hash),
                                   std::pair("least_loaded", least_loaded),
                                   std::pair("optimum", least_loaded)})
    if (settings.strategy == name) return std::make_unique<Plain>(trace, settings.endpoints, kind);
  return Error(Errc::invalid,
               "there is no strategy \"" + settings.strategy +
                   "\"; they are ours, round_robin, random, session_hash, least_loaded, optimum");
}

}  // namespace dalsegno::corpus
