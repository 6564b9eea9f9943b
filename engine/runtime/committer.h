#pragma once

#include "dalsegno/result.h"
#include "engine/runtime/threads.h"
#include "engine/session/step_result.h"
#include "storage/log/event_log.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
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

/// Whether who submits a step has other work meanwhile.
enum class Submitter : std::uint8_t { busy, idle };

/// Group commit: gathers the steps of many sessions and makes them durable in one synced write.
/// While one write is under way the next batch gathers; nobody waits for a timer. There is one
/// write at a time, and steps are written in the order in which they were submitted.
class Committer {
 public:
  /// Called after each write, before the next one begins, with one result for each step: durable,
  /// or why not. On the committer's thread, or on that of an idle submitter. After `fatal` nothing
  /// more will be written.
  using Release = std::function<void(
      std::span<PendingStep> steps, std::span<Result<> const> results, bool fatal)>;

  Committer(storage::EventLog& log, Release release, Threads threads = Threads::own);
  Committer(Committer const&) = delete;
  Committer& operator=(Committer const&) = delete;
  ~Committer();

  /// Thread: any but the committer's. Steps of one session must come in their order. Waits while
  /// `max_commit_queue` steps are ahead: whoever makes steps faster than the disk takes them is
  /// slowed down, and memory stays bounded. A single step of an idle submitter that finds nothing
  /// ahead is written on the spot, which saves waking the committer's thread: that takes about as
  /// long as half a sync of a good disk.
  void submit(std::vector<PendingStep> steps, Submitter submitter = Submitter::busy);
  /// Writes what has been submitted, then ends. Without a thread: writes nothing more.
  void stop();

  // Without a thread.
  /// Steps that wait to be written.
  [[nodiscard]] std::size_t waiting() const;
  /// Writes at most so many of them, at once.
  void write_waiting(std::size_t most);

 private:
  void work();
  void write(std::span<PendingStep> steps);

  // Set in the constructor.
  storage::EventLog& log_;
  Release release_;
  Threads threads_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable room_;
  std::vector<PendingStep> queue_;
  bool stopping_ = false;
  bool writing_ = false;
  // Only of who set writing_, until it is cleared.
  std::optional<Error> fatal_;

  std::jthread thread_;
};

}  // namespace dalsegno::engine
