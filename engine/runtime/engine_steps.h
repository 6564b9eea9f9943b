#pragma once

#include "engine/runtime/activity_pool.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/timer_service.h"

#include <cstddef>
#include <optional>
#include <utility>

namespace dalsegno::engine {

/// Runs an engine that has no threads (EngineOptions::threads): one part at a time, when and in
/// which order the caller says. For simulation: what an engine does depends then on its log, its
/// clock, its entropy and the order of these calls alone. Thread: one at a time.
///
/// An engine is crashed by destroying it: nothing that waits is written or told.
class EngineSteps {
 public:
  /// `engine` outlives this.
  explicit EngineSteps(Engine& engine) : engine_(engine) {}

  [[nodiscard]] std::size_t shards() const { return engine_.shards_.size(); }
  /// Messages that wait in a shard.
  [[nodiscard]] std::size_t mail(std::size_t shard) const {
    return engine_.shards_[shard]->waiting();
  }
  /// A shard takes at most so many messages.
  void serve(std::size_t shard, std::size_t most) { engine_.shards_[shard]->serve_waiting(most); }

  /// Steps that wait for the disk.
  [[nodiscard]] std::size_t steps() const { return engine_.committer_->waiting(); }
  /// Writes at most so many, and releases their effects.
  void commit(std::size_t most) { engine_.committer_->write_waiting(most); }

  /// Attempts that were released and not begun.
  [[nodiscard]] std::size_t attempts() const { return engine_.pool_->waiting(); }
  [[nodiscard]] StartAttempt take_attempt(std::size_t index) { return engine_.pool_->take(index); }
  /// Calls the registered handler.
  [[nodiscard]] AttemptEnd perform(StartAttempt const& attempt) const {
    return engine_.pool_->perform_and_redact(attempt);
  }
  /// Hands in what an attempt ended with; twice, if need be.
  void deliver(SessionId const& session, RunId const& run, AttemptEnd ended) {
    engine_.deliver(session, run, std::move(ended));
  }

  /// When a timer comes due, as far as the engine knows.
  [[nodiscard]] std::optional<Time> next_timer() const { return engine_.timers_->next_due(); }
  void fire_timers() { engine_.timers_->look(); }

  /// A session in memory with all its steps durable; nullptr: it is not. Valid until the next call.
  [[nodiscard]] Session const* at_rest(SessionId const& session) const {
    return engine_.shard_of(session).at_rest(session);
  }

 private:
  Engine& engine_;
};

}  // namespace dalsegno::engine
