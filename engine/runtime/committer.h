#pragma once

#include "dalsegno/result.h"
#include "engine/session/step_result.h"
#include "storage/log/event_log.h"

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace dalsegno::engine {

/// A step on its way to the disk, and who is to be told.
struct PendingStep {
  SessionId session;
  std::optional<StepResult>
      step;  ///< absent: nothing to write; its acknowledgement waits for what stands before it
  std::function<void(Result<>)> acknowledge;  ///< may be empty
};

/// Steps that may wait for the disk.
inline constexpr std::size_t max_commit_queue = 4'096;

/// Group commit: gathers the steps of many sessions and makes them durable in one synced write.
/// While one write is under way the next batch gathers; nobody waits for a timer.
class Committer {
 public:
  /// Called on the committer's thread after each write, with one result for each step: durable, or
  /// why not. After `fatal` nothing more will be written.
  using Release = std::function<void(
      std::span<PendingStep> steps, std::span<Result<> const> results, bool fatal)>;

  Committer(storage::EventLog& log, Release release);
  Committer(Committer const&) = delete;
  Committer& operator=(Committer const&) = delete;
  ~Committer();

  /// Thread: any but the committer's. Steps of one session must come in their order. Waits while
  /// `max_commit_queue` steps are ahead: whoever makes steps faster than the disk takes them is
  /// slowed down, and memory stays bounded.
  void submit(std::vector<PendingStep> steps);
  /// Writes what has been submitted, then ends.
  void stop();

 private:
  void work();
  void write(std::vector<PendingStep>& steps);

  // Set in the constructor.
  storage::EventLog& log_;
  Release release_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable room_;
  std::vector<PendingStep> queue_;
  bool stopping_ = false;
  // Only on the thread.
  std::optional<Error> fatal_;

  std::jthread thread_;
};

}  // namespace dalsegno::engine
