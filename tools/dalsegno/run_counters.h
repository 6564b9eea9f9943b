#pragma once

#include "dalsegno/ids.h"
#include "storage/event/event.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>

namespace dalsegno::command {

/// Counts what became durable in this process.
/// Thread: `count` from one, the figures from any.
class RunCounters {
 public:
  /// Kills the process with SIGKILL once `kill_after` steps are durable; 0: never.
  explicit RunCounters(std::uint64_t kill_after) : kill_after_(kill_after) {}

  void count(SessionId const& session, std::span<storage::Event const> step);

  /// An earlier process left this call waiting for approval.
  void waits(SessionId const& session, OperationId operation);
  /// Sessions that wait for people to approve something.
  [[nodiscard]] std::size_t waiting() const;

  std::atomic<std::uint64_t> steps = 0;
  std::atomic<std::uint64_t> turns = 0;
  std::atomic<std::uint64_t> answers = 0;
  std::atomic<std::uint64_t> model_calls = 0;
  std::atomic<std::uint64_t> tool_calls = 0;
  std::atomic<std::uint64_t> denials = 0;
  std::atomic<std::uint64_t> orphans = 0;

 private:
  void follow(SessionId const& session, storage::Event const& event);

  std::uint64_t const kill_after_;
  mutable std::mutex mutex_;
  std::map<SessionId, std::set<OperationId>> waiting_;  // guarded by mutex_
};

}  // namespace dalsegno::command
