#pragma once

#include "dalsegno/ids.h"
#include "storage/event/event.h"

#include <atomic>
#include <cstdint>
#include <span>

namespace dalsegno::command {

/// Counts what became durable in this process.
/// Thread: `count` from one, the figures from any.
class RunCounters {
 public:
  /// Kills the process with SIGKILL once `kill_after` steps are durable; 0: never.
  explicit RunCounters(std::uint64_t kill_after) : kill_after_(kill_after) {}

  void count(std::span<storage::Event const> step);

  std::atomic<std::uint64_t> steps = 0;
  std::atomic<std::uint64_t> turns = 0;
  std::atomic<std::uint64_t> answers = 0;
  std::atomic<std::uint64_t> model_calls = 0;
  std::atomic<std::uint64_t> tool_calls = 0;
  std::atomic<std::uint64_t> denials = 0;
  std::atomic<std::uint64_t> orphans = 0;

 private:
  std::uint64_t const kill_after_;
};

}  // namespace dalsegno::command
