#pragma once

#include "storage/event/digest.h"
#include "tests/simulation/canary.h"
#include "tests/simulation/findings.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::simulation {

struct RunOptions {
  Canary canary = Canary::none;
  /// Receives a line for each thing that happens; null: nobody reads them.
  std::function<void(std::string const&)> trace = {};
};

/// How often something happened that a good simulation brings about now and then.
using Situations = std::map<std::string, std::uint64_t, std::less<>>;

struct Report {
  std::optional<Finding> finding;
  std::uint64_t steps = 0;  ///< that reached the log
  std::uint64_t sessions = 0;
  std::uint64_t items = 0;  ///< things that happened
  std::uint64_t calls = 0;  ///< of the far side
  std::uint64_t virtual_us = 0;
  storage::Digest end;  ///< over all that was written, in order: equal for equal seeds
  Situations situations;
};

/// Runs the real engine, without threads, over a log in memory: clients, a far side, a clock and a
/// disk that are all drawn from `seed`, with faults at first and without later. Everything is
/// checked on the way; the first promise that does not hold ends the run. Equal seeds give equal
/// reports. Thread: one at a time in a process.
[[nodiscard]] Report run(std::uint64_t seed, RunOptions const& options = {});

}  // namespace dalsegno::simulation
