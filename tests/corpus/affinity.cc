// Affinity: runs a trace of model calls against simulated endpoints and says how often their prefix
// caches were hit, how evenly they worked, and how long calls waited.

#include "dalsegno/try.h"
#include "tests/corpus/affinity_simulation.h"
#include "tests/corpus/affinity_trace.h"
#include "tests/corpus/kind.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace dalsegno::corpus {
namespace {

using std::chrono::microseconds;

/// How long the hits after a loss are averaged over when it is asked when they are back.
constexpr microseconds window = std::chrono::seconds(300);
constexpr double hits_are_back = 0.99;

struct Options {
  SimulationSettings simulation;
  std::int64_t lose = -1;
  double lost_from = 0;
  double lost_to = 0;
};

double seconds(microseconds time) { return static_cast<double>(time.count()) / 1e6; }

microseconds to_time(double seconds) { return microseconds(std::llround(seconds * 1e6)); }

/// Hit blocks / blocks of the calls that came from `from` until before `to`.
double hit_rate(Trace const& trace,
                SimulationResult const& result,
                microseconds from = microseconds::min(),
                microseconds to = microseconds::max()) {
  std::uint64_t hits = 0;
  std::uint64_t blocks = 0;
  for (std::size_t i = 0; i < trace.calls.size(); ++i) {
    if (trace.calls[i].at < from || trace.calls[i].at >= to) continue;
    hits += result.calls[i].hit_blocks;
    blocks += trace.calls[i].blocks.size();
  }
  return blocks == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(blocks);
}

/// The q-quantile of the waits, by the nearest rank.
double wait_quantile(SimulationResult const& result, double q) {
  std::vector<microseconds> waits;
  for (auto const& call : result.calls) waits.push_back(call.wait);
  auto const rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(waits.size())));
  auto const at = waits.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::ranges::nth_element(waits, at);
  return seconds(*at);
}

std::uint64_t total(std::vector<std::uint64_t> const& values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

double imbalance(SimulationResult const& result) {
  auto const& tokens = result.prefill_tokens;
  auto const sum = static_cast<double>(total(tokens));
  auto const mean = sum / static_cast<double>(tokens.size());
  return sum == 0 ? 1 : static_cast<double>(*std::ranges::max_element(tokens)) / mean;
}

Json counts(std::map<std::string, std::uint64_t> const& map) {
  Json shown = Json::Object{};
  for (auto const& [name, count] : map) shown.set(name, count);
  return shown;
}

/// From when on after the loss the hits of five minutes are within a hundredth of those without it.
Json hits_back(Trace const& trace,
               SimulationResult const& result,
               SimulationResult const& undisturbed,
               microseconds since) {
  auto const end = trace.calls.back().at;
  for (auto from = since; from + window <= end; from += std::chrono::seconds(10))
    if (hit_rate(trace, result, from, from + window) >=
        hits_are_back * hit_rate(trace, undisturbed, from, from + window))
      return seconds(from - since);
  return {};
}

Result<Json> score_loss(Trace const& trace,
                        SimulationSettings settings,
                        SimulationResult const& result) {
  auto const loss = *settings.loss;
  settings.loss.reset();
  TRY(auto const undisturbed, simulate(trace, settings));
  auto const after = result.refilled.value_or(loss.to);
  std::int64_t lost = 0;
  std::int64_t sent_again = 0;
  for (auto const& call : result.calls) {
    lost += call.answered ? 0 : 1;
    sent_again += call.attempts > 1 ? 1 : 0;
  }
  Json shown;
  shown.set("requests_lost", lost).set("requests_sent_again", sent_again);
  shown.set("refill_seconds", result.refilled ? Json(seconds(*result.refilled - loss.to)) : Json());
  shown.set("hits_back_seconds", hits_back(trace, result, undisturbed, loss.to));
  shown.set("hit_after_refill", hit_rate(trace, result, after));
  shown.set("hit_after_refill_without_loss", hit_rate(trace, undisturbed, after));
  return shown;
}

Result<Json> score(Options const& options, std::filesystem::path const& path) {
  TRY(auto const trace, read_trace(path));
  if (trace.calls.empty()) return Error(Errc::invalid, path.string() + ": holds no call");
  auto settings = options.simulation;
  if (options.lose >= 0)
    settings.loss = Loss{.endpoint = static_cast<std::size_t>(options.lose),
                         .from = trace.calls.front().at + to_time(options.lost_from),
                         .to = trace.calls.front().at + to_time(options.lost_to)};
  TRY(auto const result, simulate(trace, settings));
  Json shown;
  shown.set("strategy", settings.strategy)
      .set("endpoints", std::uint64_t{settings.endpoints})
      .set("capacity", settings.capacity)
      .set("requests", std::uint64_t{trace.calls.size()})
      .set("hit", hit_rate(trace, result))
      .set("imbalance", imbalance(result))
      .set("p50_wait", wait_quantile(result, 0.50))
      .set("p95_wait", wait_quantile(result, 0.95))
      .set("prefill_tokens", total(result.prefill_tokens));
  if (!result.capacities.empty()) {
    Json::Array capacities(result.capacities.begin(), result.capacities.end());
    shown.set("learned_capacities", std::move(capacities))
        .set("misses", counts(result.misses))
        .set("bindings", counts(result.bindings));
  }
  if (settings.loss) {
    TRY(auto loss, score_loss(trace, settings, result));
    shown.set("loss", std::move(loss));
  }
  return shown;
}

void add_options(Options& options, CLI::App& command) {
  auto& simulation = options.simulation;
  command.add_option("--endpoints", simulation.endpoints, "how many endpoints there are")
      ->capture_default_str();
  command.add_option("--capacity", simulation.capacity, "blocks that each one's cache holds")
      ->capture_default_str();
  command
      .add_option("--strategy",
                  simulation.strategy,
                  "ours, round_robin, random, session_hash, least_loaded or optimum")
      ->capture_default_str();
  command.add_option("--assumed",
                     simulation.assumed,
                     "blocks that our router takes a cache to hold at first; 0: its default");
  auto* const lose =
      command.add_option("--lose", options.lose, "the endpoint that is lost, from 0");
  command.add_option("--lost-from", options.lost_from, "seconds from the first call")->needs(lose);
  command.add_option("--lost-to", options.lost_to, "when it is back, its cache empty")->needs(lose);
}

}  // namespace

Kind affinity() {
  auto const options = std::make_shared<Options>();  // of the command line, until it is scored
  return {.name = "affinity",
          .about =
              "a trace of model calls: {hit, imbalance, p50_wait, p95_wait, prefill_tokens, "
              "requests}",
          .score = [options](auto const& path) { return score(*options, path); },
          .add_options = [options](CLI::App& command) { add_options(*options, command); }};
}

}  // namespace dalsegno::corpus
