#pragma once

#include "dalsegno/queues.h"
#include "dalsegno/registry.h"
#include "engine/policy/policy.h"
#include "engine/runtime/call_queue.h"
#include "engine/session/input.h"
#include "engine/session/step_result.h"

#include <atomic>
#include <compare>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace dalsegno::vault {
class Intake;
}

namespace dalsegno::engine {

/// What an attempt ended with, as a session may see it.
struct AttemptEnd {
  Input input;
  std::vector<storage::VaultRecord> vault;  ///< the originals of what was redacted of it
};

/// Threads that perform attempts. They may block. Without threads (0), who called for them takes
/// the attempts, in whatever order, and performs them.
class ActivityPool {
 public:
  /// Receives what an attempt ended with. Called on a pool thread.
  using Deliver = std::function<void(SessionId const&, RunId const&, AttemptEnd)>;

  /// `policy` gave the permits, and is asked by attempts at the time `now`. `intake` opens what a
  /// permit reveals, and redacts what comes back; null: neither. `queues`: checked.
  ActivityPool(Registry const& registry,
               PolicySet const& policy,
               std::function<Time()> now,
               vault::Intake const* intake,
               std::vector<QueueOptions> queues,
               unsigned threads,
               Deliver deliver);
  ActivityPool(ActivityPool const&) = delete;
  ActivityPool& operator=(ActivityPool const&) = delete;
  ~ActivityPool();

  /// Thread: any. The permit must cover the attempt: anything else is a bug of ours and ends the
  /// process.
  void submit(std::vector<StartAttempt> attempts);
  /// Nobody waits for what an operation's attempt brings back any more: the attempt is told so, if
  /// it was submitted and has not ended; one that still waits is not begun at all. Without
  /// `attempt` all of the operation. Thread: any.
  void abandon(RunId const& run,
               OperationId operation,
               std::optional<std::uint32_t> attempt = std::nullopt);
  /// Waits for attempts under way; those not yet begun are dropped (the log knows them: they are
  /// orphaned at recovery).
  void stop();

  /// How many have not begun. Thread: any.
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::vector<QueueStatus> queues() const;

  // Without threads.
  /// Takes the one at `index` of those that wait, oldest first.
  [[nodiscard]] StartAttempt take(std::size_t index);
  [[nodiscard]] AttemptEnd perform_and_redact(StartAttempt const& attempt);

 private:
  struct Key {
    RunId run;
    OperationId operation = OperationId::none;
    std::uint32_t attempt = 0;
    friend auto operator<=>(Key const&, Key const&) = default;
  };

  void work();
  [[nodiscard]] bool was_abandoned(Key const& key);
  [[nodiscard]] Input perform(StartAttempt const& attempt, ActivityContext const& context) const;
  [[nodiscard]] AttemptEnd redacted(StartAttempt const& attempt, Input input) const;

  // Set in the constructor.
  Registry const& registry_;
  PolicySet const& policy_;
  std::function<Time()> now_;
  vault::Intake const* intake_;
  Deliver deliver_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  CallQueues queues_;
  std::deque<StartAttempt> untaken_;      // without threads
  std::map<Key, std::stop_source> open_;  // attempts that were submitted and have not ended
  bool stopping_ = false;
  std::atomic<std::size_t> waiting_ = 0;  // changed under mutex_, read without

  unsigned const thread_count_;
  std::vector<std::jthread> threads_;
};

}  // namespace dalsegno::engine
