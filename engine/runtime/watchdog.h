#pragma once

#include "dalsegno/ids.h"
#include "engine/runtime/marker.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

namespace dalsegno::engine {

/// Ends the process when a shard does not come back from a session's code: no other session of that
/// shard would ever go on. The run is marked as guilty, as one that died of a fault, so that the
/// next processes hold it when it has happened three times.
///
/// What counts is how often it looks and finds the same step, not what a clock says: a process that
/// was stopped for an hour has not been in its step for an hour.
class Watchdog {
 public:
  /// What people should know, and of which session.
  using Tell = std::function<void(SessionId const&, std::string_view)>;

  /// `markers` outlives it. `limit`: of one step; more than 0.
  Watchdog(MarkerFile& markers, std::size_t shards, std::chrono::milliseconds limit, Tell tell);
  Watchdog(Watchdog const&) = delete;
  Watchdog& operator=(Watchdog const&) = delete;
  ~Watchdog();

 private:
  struct Seen {
    std::uint64_t step = 0;
    unsigned times = 0;
  };

  void work();
  void look();
  [[noreturn]] void end_process(Guilty const& guilty) const;

  // Set in the constructor.
  MarkerFile& markers_;
  std::chrono::milliseconds limit_;
  Tell tell_;
  // Only on the thread: of each shard.
  std::vector<Seen> seen_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;

  std::jthread thread_;
};

}  // namespace dalsegno::engine
