#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::bench {

/// One line of output. `limit` is what the machine itself can do, measured in the same run on the
/// same file system.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> limit;
};

/// value / limit.
[[nodiscard]] std::optional<double> ratio(Figure const& figure);

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// The q-quantile (0 to 1) of `samples`, by the nearest rank. Sorts them.
[[nodiscard]] double quantile(std::vector<double>& samples, double q);

/// One benchmark: a name, and what gives its figures. `folder` is empty and its own.
struct Benchmark {
  std::string name;
  std::function<std::vector<Figure>(std::filesystem::path const& folder)> run;
};

/// Runs a session in `store` and kills this process with SIGKILL after 10,000 durable steps.
void die_in(std::filesystem::path const& store, std::uint64_t checkpoint_every);

[[nodiscard]] Benchmark step_latency();
[[nodiscard]] Benchmark step_throughput();
[[nodiscard]] Benchmark workflow_3();
[[nodiscard]] Benchmark replay();
[[nodiscard]] Benchmark recovery_10k();
[[nodiscard]] Benchmark bytes_per_step();
[[nodiscard]] Benchmark sleepers_100k();
[[nodiscard]] Benchmark sleepers_1m();
[[nodiscard]] Benchmark timers_due_100k();
[[nodiscard]] Benchmark noisy_tenant();
[[nodiscard]] Benchmark signal_round_trip();
[[nodiscard]] Benchmark redaction_speed();
[[nodiscard]] Benchmark redaction_prompt();
[[nodiscard]] Benchmark egress_decision();
[[nodiscard]] Benchmark affinity();
[[nodiscard]] Benchmark policy_decision();
[[nodiscard]] Benchmark policy_replay();
[[nodiscard]] Benchmark policed_sessions();
[[nodiscard]] Benchmark streams();

}  // namespace dalsegno::bench
