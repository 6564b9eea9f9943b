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

std::vector<Figure> measure_sleepers(std::filesystem::path const& folder) {
  constexpr std::size_t count = 100'000;
  Running running(folder / "store");
  auto& engine = running.engine();
  auto const before = resident_mib();
  std::latch started(count);
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
  return {{"sleepers_100k", seconds, "s", {}},
          {"sleepers_100k_rss_growth", resident_mib() - before, "MiB", {}}};
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
Benchmark signal_round_trip() { return {"signal_round_trip", measure_round_trip}; }

}  // namespace dalsegno::bench
