// sim: runs the engine in simulation, seed after seed.

#include "tests/simulation/simulation.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <iostream>
#include <random>
#include <string>

namespace dalsegno::simulation {
namespace {

struct Options {
  std::uint64_t seed = 0;
  bool has_seed = false;
  std::uint64_t seeds = 1;
  double seconds = 0;
  std::string canary;
  bool list = false;
  bool trace = false;
  bool situations = false;
};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The run once more, with the last of what happened before the finding.
void print_end(std::uint64_t seed, RunOptions options) {
  constexpr std::size_t most_lines = 50;
  std::deque<std::string> lines;
  options.trace = [&](std::string const& line) {
    lines.push_back(line);
    if (lines.size() > most_lines) lines.pop_front();
  };
  static_cast<void>(run(seed, options));
  for (auto const& line : lines) std::cout << line << '\n';
}

int simulate(Options const& options) {
  RunOptions how;
  if (!options.canary.empty()) {
    auto const canary = find_canary(options.canary);
    if (!canary) {
      std::cerr << "sim: there is no canary \"" << options.canary
                << "\"; --list-canaries names them\n";
      return 2;
    }
    how.canary = *canary;
  }
  if (options.trace) how.trace = [](std::string const& line) { std::cout << line << '\n'; };
  auto const first = options.has_seed ? options.seed : std::random_device()();
  auto const started = cpu_seconds();
  std::uint64_t steps = 0;
  std::uint64_t sessions = 0;
  std::uint64_t items = 0;
  std::uint64_t calls = 0;
  std::uint64_t twice = 0;
  double virtual_s = 0;
  Situations situations;
  std::uint64_t seed = first;
  for (;; ++seed) {
    bool const enough = options.seconds > 0 ? cpu_seconds() - started >= options.seconds
                                            : seed - first >= options.seeds;
    if (enough) break;
    auto const report = run(seed, how);
    steps += report.steps;
    sessions += report.sessions;
    items += report.items;
    calls += report.calls;
    virtual_s += static_cast<double>(report.virtual_us) * 1e-6;
    for (auto const& [situation, count] : report.situations) situations[situation] += count;
    auto finding = report.finding;
    if (!finding && seed % 100 == 0) {
      ++twice;
      if (run(seed, how).end != report.end)
        finding = Finding{"determinism", "the same seed wrote another log the second time"};
    }
    if (finding) {
      if (!options.trace && finding->invariant != "determinism") print_end(seed, how);
      std::cout << "seed " << seed << ": " << finding->invariant << ": " << finding->text
                << "\nrepeat with: sim --seed " << seed << " --trace"
                << (options.canary.empty() ? "" : " --canary " + options.canary) << '\n';
      return 1;
    }
  }
  auto const seconds = cpu_seconds() - started;
  std::cout << seed - first << " seeds from " << first << " (" << twice
            << " of them twice): " << sessions << " sessions, " << steps << " steps, " << calls
            << " calls, " << items << " items, " << static_cast<std::uint64_t>(virtual_s)
            << " s of virtual time in " << seconds
            << " s of CPU: " << static_cast<std::uint64_t>(static_cast<double>(steps) / seconds)
            << " steps/s, " << static_cast<std::uint64_t>(static_cast<double>(sessions) / seconds)
            << " sessions/s\n";
  if (options.situations)
    for (auto const& [situation, count] : situations)
      std::cout << count << "  " << situation << '\n';
  return 0;
}

}  // namespace
}  // namespace dalsegno::simulation

int main(int argc, char** argv) {
  using namespace dalsegno::simulation;
  Options options;
  CLI::App app(
      "Runs the real engine in simulation. Exit code: 0 no finding, 1 a promise did not "
      "hold, 2 wrong arguments.",
      "sim");
  auto* const seed = app.add_option("--seed", options.seed, "the first seed (else drawn)");
  app.add_option("--seeds", options.seeds, "how many seeds, one after the other (1)");
  app.add_option("--for", options.seconds, "seconds of CPU to go on for, instead");
  app.add_option("--canary", options.canary, "plant this bug: it should be found");
  app.add_flag("--list-canaries", options.list, "the bugs that can be planted");
  app.add_flag("--trace", options.trace, "print everything that happens");
  app.add_flag("--situations", options.situations, "print how often which situation arose");
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.has_seed = seed->count() > 0;
  if (options.list) {
    for (auto const& one : canaries) std::cout << one.name << "  " << one.what << '\n';
    return 0;
  }
  return simulate(options);
}
