// Durable steps: how long one takes, and how many there are in a second.

#include "bench/figure.h"
#include "bench/limits.h"
#include "bench/workload.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <latch>
#include <mutex>
#include <string>

namespace dalsegno::bench {

namespace {

/// What the process has handed to write(2) so far, in bytes.
std::size_t written_bytes() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::size_t value = 0;
  while (io >> name >> value) {
    if (name == "wchar:") return value;
  }
  return 0;
}

std::vector<Figure> measure_latency(std::filesystem::path const& folder) {
  constexpr std::uint64_t count = 4'000;
  std::vector<Clock::time_point> durable;
  durable.reserve(count + 2);
  std::size_t bytes = 0;
  {
    engine::EngineOptions options;
    options.on_durable = [&durable](SessionId const&, std::span<storage::Event const>) {
      durable.push_back(Clock::now());
    };
    Running running(folder / "store", std::move(options));
    auto const before = written_bytes();
    run_steps(running.engine(), "latency-", 1, {count, 200, 0, 0});
    bytes = (written_bytes() - before) / (count + 1);
  }
  std::vector<double> samples;
  for (std::size_t i = 1; i < durable.size(); ++i) {
    samples.push_back(
        std::chrono::duration<double, std::micro>(durable[i] - durable[i - 1]).count());
  }
  auto const limit = raw_fdatasync_us(folder, bytes, static_cast<int>(count));
  return {{"step_latency", quantile(samples, 0.5), "us", limit},
          {"step_latency_p99", quantile(samples, 0.99), "us", {}},
          {"step_latency_bytes", static_cast<double>(bytes), "B/step", {}}};
}

std::vector<Figure> measure_throughput(std::filesystem::path const& folder) {
  constexpr std::size_t sessions = 256;
  constexpr std::uint64_t count = 1'000;
  double rate = 0;
  std::size_t bytes = 0;
  {
    Running running(folder / "store");
    auto const before = written_bytes();
    rate = static_cast<double>(sessions * count) /
           run_steps(running.engine(), "throughput-", sessions, {count, 200, 0, 0});
    bytes = (written_bytes() - before) / (sessions * count);
  }
  auto const limit =
      bare_rocksdb_per_second(folder, sessions, shape_of_steps(folder / "store"), 3.0);
  return {{"step_throughput_256", rate, "steps/s", limit},
          {"step_throughput_256_bytes", static_cast<double>(bytes), "B/step", {}}};
}

std::vector<Figure> measure_workflow_3(std::filesystem::path const& folder) {
  std::vector<Figure> figures;
  for (std::size_t const in_flight : {1U, 16U, 64U, 256U}) {
    auto const name = "workflow_3_" + std::to_string(in_flight);
    Running running(folder / name);
    auto& engine = running.engine();
    std::size_t const total = in_flight == 1 ? 500 : in_flight * 100;
    auto const input = to_json(Steps{3, 200, 0, 0});

    // Each ended workflow starts the next one.
    std::mutex mutex;
    std::vector<double> samples;
    std::size_t started = 0;
    std::latch ended(static_cast<std::ptrdiff_t>(total));
    std::function<void()> next = [&] {
      std::size_t number = 0;
      {
        std::lock_guard const lock(mutex);
        if (started == total) return;
        number = started++;
      }
      SessionId const session{"bench", name + '-' + std::to_string(number)};
      auto const start = Clock::now();
      engine.wait_for_end(session, [&, start](Result<engine::AnnounceEnd> const&) {
        {
          std::lock_guard const lock(mutex);
          samples.push_back(microseconds_since(start));
        }
        next();
        ended.count_down();
      });
      engine.start_session({session, "steps", input, "bench"},
                           [](Result<engine::Receipt> const&) {});
    };
    auto const start = Clock::now();
    for (std::size_t i = 0; i < in_flight; ++i) next();
    ended.wait();
    auto const seconds = microseconds_since(start) / 1e6;
    figures.push_back({name, static_cast<double>(total) / seconds, "workflows/s", {}});
    figures.push_back({name + "_p50", quantile(samples, 0.5), "us", {}});
    figures.push_back({name + "_p95", quantile(samples, 0.95), "us", {}});
    figures.push_back({name + "_p99", quantile(samples, 0.99), "us", {}});
  }
  return figures;
}

}  // namespace

Benchmark step_latency() { return {"step_latency", measure_latency}; }
Benchmark step_throughput() { return {"step_throughput_256", measure_throughput}; }
Benchmark workflow_3() { return {"workflow_3", measure_workflow_3}; }

}  // namespace dalsegno::bench
