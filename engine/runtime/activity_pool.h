#pragma once

#include "dalsegno/registry.h"
#include "engine/session/input.h"
#include "engine/session/step_result.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace dalsegno::engine {

/// Threads that perform attempts. They may block.
class ActivityPool {
 public:
  /// Receives the input that an attempt ended with. Called on a pool thread.
  using Deliver = std::function<void(SessionId const&, RunId const&, Input)>;

  ActivityPool(Registry const& registry, unsigned threads, Deliver deliver);
  ActivityPool(ActivityPool const&) = delete;
  ActivityPool& operator=(ActivityPool const&) = delete;
  ~ActivityPool();

  /// Thread: any. The permit must cover the attempt: anything else is a bug of ours and ends the
  /// process.
  void submit(std::vector<StartAttempt> attempts);
  /// Waits for attempts under way; those not yet begun are dropped (the log knows them: they are
  /// orphaned at recovery).
  void stop();

 private:
  void work();
  [[nodiscard]] Input perform(StartAttempt const& attempt) const;

  // Set in the constructor.
  Registry const& registry_;
  Deliver deliver_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<StartAttempt> queue_;
  bool stopping_ = false;

  std::vector<std::jthread> threads_;
};

}  // namespace dalsegno::engine
