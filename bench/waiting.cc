// Sessions that wait: what a hundred thousand of them cost, and how soon one answers.

#include "bench/figure.h"
#include "bench/limits.h"
#include "bench/workload.h"

#include <atomic>
#include <fstream>
#include <latch>
#include <semaphore>
#include <stdexcept>
#include <string>

namespace dalsegno::bench {

namespace {

double resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024.0;
  }
  return 0;
}

/// Seconds until so many workflows that sleep an hour are durable.
double start_sleepers(engine::Engine& engine, std::size_t count) {
  std::latch started(static_cast<std::ptrdiff_t>(count));
  std::atomic<bool> failed = false;
  std::counting_semaphore<> window(512);  // as a client that heeds back-pressure
  auto const start = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    window.acquire();
    engine.start_session(
        {{"bench", "sleeper-" + std::to_string(i)}, "sleeper", std::to_string(i), "bench"},
        [&](Result<engine::Receipt> const& receipt) {
          if (!receipt) failed = true;
          window.release();
          started.count_down();
        });
  }
  started.wait();
  auto const seconds = microseconds_since(start) / 1e6;
  if (failed) throw std::runtime_error("a sleeper was refused");
  return seconds;
}

std::vector<Figure> measure_sleepers(std::filesystem::path const& folder) {
  Running running(folder / "store");
  auto const before = resident_mib();
  auto const seconds = start_sleepers(running.engine(), 100'000);
  return {{"sleepers_100k", seconds, "s", {}},
          {"sleepers_100k_rss_growth", resident_mib() - before, "MiB", {}}};
}

std::vector<Figure> measure_million(std::filesystem::path const& folder) {
  std::vector<Figure> figures;
  {
    Running running(folder / "store");
    figures.push_back({"sleepers_1m", start_sleepers(running.engine(), 1'000'000), "s", {}});
    figures.push_back({"sleepers_1m_rss", resident_mib(), "MiB", {}});
  }
  auto const start = Clock::now();
  Running running(folder / "store");
  if (!running.engine().start_session({{"bench", "first"}, "sleeper", "0", "bench"}))
    throw std::runtime_error("cannot start");
  figures.push_back({"sleepers_1m_restart", microseconds_since(start) / 1e6, "s", {}});
  return figures;
}

/// What fires once a store is opened again after all its timers came due.
std::vector<Figure> measure_due(std::filesystem::path const& folder) {
  constexpr std::size_t count = 100'000;
  auto const then = Time(std::chrono::hours(24 * 365 * 50));
  engine::EngineOptions before;
  before.now = [then] { return then; };
  {
    Running running(folder / "store", std::move(before));
    start_sleepers(running.engine(), count);
  }
  std::latch ended(count);
  std::atomic<std::size_t> fired = 0;
  std::atomic<std::size_t> early = 0;
  double first = 0;
  auto const now = then + std::chrono::hours(2);
  engine::EngineOptions after;
  after.now = [now] { return now; };
  auto const start = Clock::now();
  after.on_durable = [&](SessionId const&, std::span<storage::Event const> events) {
    for (auto const& event : events) {
      if (auto const* const timer = std::get_if<storage::TimerFired>(&event.body)) {
        if (fired++ == 0) first = microseconds_since(start) / 1e6;
        if (timer->due > now) ++early;
        if (fired <= count) ended.count_down();
      }
    }
  };
  Running running(folder / "store", std::move(after));
  ended.wait();
  auto const all = microseconds_since(start) / 1e6;
  running.engine().stop();
  if (fired != count || early != 0) throw std::runtime_error("a timer fired early, or twice");
  return {{"timers_due_100k_first", first, "s", {}}, {"timers_due_100k_all", all, "s", {}}};
}

std::vector<Figure> measure_round_trip(std::filesystem::path const& folder) {
  constexpr int count = 2'000;
  std::vector<double> samples;
  {
    Running running(folder / "store");
    auto& engine = running.engine();
    SessionId const session{"bench", "replier"};
    if (!engine.start_session({session, "replier", "0", "bench"}))
      throw std::runtime_error("cannot start");
    auto const payload = '"' + words(200, 1) + '"';
    for (int i = 0; i < count; ++i) {
      auto const start = Clock::now();
      auto const answer =
          engine.ask(session, {"turn", payload, "key-" + std::to_string(i), "bench"});
      if (!answer) throw std::runtime_error(answer.error().detail);
      samples.push_back(microseconds_since(start));
    }
  }
  auto const limit = raw_fdatasync_us(folder, 1'200, count);
  return {{"signal_round_trip", quantile(samples, 0.5), "us", limit},
          {"signal_round_trip_p99", quantile(samples, 0.99), "us", {}}};
}

}  // namespace

Benchmark sleepers_100k() { return {"sleepers_100k", measure_sleepers}; }
Benchmark sleepers_1m() { return {"sleepers_1m", measure_million}; }
Benchmark timers_due_100k() { return {"timers_due_100k", measure_due}; }
Benchmark signal_round_trip() { return {"signal_round_trip", measure_round_trip}; }

}  // namespace dalsegno::bench
