#pragma once

#include "engine/runtime/threads.h"
#include "storage/log/event_log.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace dalsegno::engine {

/// Fires armed timers when they come due, in (due, session, run, operation) order, never before.
/// Timers live in the store, not in memory: however many sleep, this keeps one point of time.
class TimerService {
 public:
  using Now = std::function<Time()>;
  using Fire = std::function<void(std::vector<storage::Timer> const&)>;
  using Fail = std::function<void(Error)>;

  TimerService(
      storage::EventLog const& log, Now now, Fire fire, Fail fail, Threads threads = Threads::own);
  TimerService(TimerService const&) = delete;
  TimerService& operator=(TimerService const&) = delete;
  ~TimerService();

  /// Fires on the calling thread what is past due already, then begins to wait for the rest.
  void start();
  /// A timer was armed (and is durable). Thread: any.
  void armed(Time due);
  void stop();

  // Without a thread.
  /// When there is something to look for; nothing: no timer is armed.
  [[nodiscard]] std::optional<Time> next_due() const;
  /// Fires what is due.
  void look();

 private:
  void work();
  /// Fires what is due from `from` on; returns where to look next, and when.
  struct Next {
    Time from;
    std::optional<Time> due;
  };
  [[nodiscard]] Next fire_due(Time from);
  void look(std::unique_lock<std::mutex>& lock);

  // Set in the constructor.
  storage::EventLog const& log_;
  Now now_;
  Fire fire_;
  Fail fail_;
  Threads threads_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Time from_{};  // everything due before it has been fired
  std::optional<Time> next_due_;
  bool stopping_ = false;

  std::jthread thread_;
};

}  // namespace dalsegno::engine
