#pragma once

#include "dalsegno/queues.h"
#include "dalsegno/registry.h"
#include "engine/policy/policy.h"
#include "engine/runtime/call_queue.h"
#include "engine/session/attempt_watch.h"
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
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dalsegno::vault {
class Intake;
}

namespace dalsegno::engine {

class AttemptScope;

/// What an attempt ended with, as a session may see it.
struct AttemptEnd {
  Input input;
  std::vector<storage::VaultRecord> vault;  ///< the originals of what was redacted of it
};

/// Threads that perform attempts. They may block. Without threads (0), who called for them takes
/// the attempts, in whatever order, and performs them.
class ActivityPool final : public AttemptWatch {
 public:
  /// Receives what an attempt ended with. Called on a pool thread.
  using Deliver = std::function<void(SessionId const&, RunId const&, AttemptEnd)>;
  /// The token with which somebody outside may end the attempt.
  using TokenOf = std::function<Result<std::string>(StartAttempt const&)>;

  /// `policy` gave the permits, and is asked by attempts at the time `now`. `intake` opens what a
  /// permit reveals, and redacts what comes back; null: neither. `queues`: checked. `token_of` may
  /// be null: there are no tokens.
  ActivityPool(Registry const& registry,
               PolicySet const& policy,
               std::function<Time()> now,
               vault::Intake const* intake,
               std::vector<QueueOptions> queues,
               unsigned threads,
               Deliver deliver,
               TokenOf token_of = {});
  ~ActivityPool() override;

  /// Thread: any. The permit must cover the attempt: anything else is a bug of ours and ends the
  /// process.
  void submit(std::vector<StartAttempt> attempts);
  /// Nobody waits for what an operation's attempt brings back any more: the attempt is told so, if
  /// it was submitted and has not ended; one that still waits is not begun at all. Without
  /// `attempt` all of the operation. Thread: any.
  void abandon(RunId const& run,
               OperationId operation,
               std::optional<std::uint32_t> attempt = std::nullopt);
  /// The log has the end of the operation's attempts up to this one (without: of all of them), so
  /// nobody asks about them any more. Thread: any.
  void forget(RunId const& run,
              OperationId operation,
              std::optional<std::uint32_t> attempt = std::nullopt);
  [[nodiscard]] AttemptSigns signs_of(RunId const& run,
                                      OperationId operation,
                                      std::uint32_t attempt) const override;
  [[nodiscard]] bool withdraw(RunId const& run,
                              OperationId operation,
                              std::uint32_t attempt) override;
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
  /// An attempt that was submitted.
  struct Open {
    std::stop_source stop;
    bool watched = false;  // its session may ask about it
    bool begun = false;
    bool ended = false;      // kept until the log has its end: its session may ask how it went
    bool forgotten = false;  // the log has its end, and it goes on
    std::optional<Heartbeat> newest;
  };

  static Key key_of(StartAttempt const& attempt) {
    return {attempt.run, attempt.operation, attempt.attempt};
  }
  void work();
  [[nodiscard]] bool was_abandoned(Key const& key);
  void begin(StartAttempt const& attempt);
  void take_heartbeat(StartAttempt const& attempt, std::string details);
  [[nodiscard]] Input perform(StartAttempt const& attempt, AttemptScope& scope) const;
  [[nodiscard]] std::optional<Input> ask_far_side(StartAttempt const& attempt,
                                                  ActivityContext const& context,
                                                  std::string_view input) const;
  [[nodiscard]] AttemptEnd redacted(StartAttempt const& attempt, Input input) const;

  // Set in the constructor.
  Registry const& registry_;
  PolicySet const& policy_;
  std::function<Time()> now_;
  vault::Intake const* intake_;
  Deliver deliver_;
  TokenOf token_of_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  CallQueues queues_;
  std::deque<StartAttempt> untaken_;  // without threads
  std::map<Key, Open> open_;
  std::set<Key> withdrawn_;               // before they were submitted
  std::atomic<std::size_t> watched_ = 0;  // of open_: kept until they are forgotten
  bool stopping_ = false;
  std::atomic<std::size_t> waiting_ = 0;  // changed under mutex_, read without

  unsigned const thread_count_;
  std::vector<std::jthread> threads_;
};

}  // namespace dalsegno::engine
