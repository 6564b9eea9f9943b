#include "engine/runtime/committer.h"

#include "engine/runtime/thread_name.h"
#include "storage/log/crash_point.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dalsegno::engine {

namespace {

/// One write carries at most so many steps and about so many bytes: the next ones wait for the next
/// write.
constexpr std::size_t most_steps = 2'048;
constexpr std::size_t most_bytes = 8U << 20U;

std::size_t size_of(StepResult const& step) {
  auto size = step.append.step.bytes.size();
  for (auto const& artifact : step.append.artifacts) size += artifact.bytes.size();
  for (auto const& checkpoint : step.append.checkpoints) size += checkpoint.bytes.size();
  for (auto const& next : step.then) size += size_of(next);
  return size;
}

std::size_t size_of(PendingStep const& pending) {
  return pending.step ? size_of(*pending.step) : 0;
}

/// How many of the steps that wait the next write takes.
std::size_t room_for(std::span<PendingStep const> steps) {
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (count < std::min(steps.size(), most_steps) && bytes < most_bytes)
    bytes += size_of(steps[count++]);
  return count;
}

}  // namespace

Committer::Committer(storage::EventLog& log, Release release, Threads threads)
    : log_(log), release_(std::move(release)), threads_(threads) {
  if (threads_ == Threads::own) thread_ = std::jthread([this] { work(); });
}

Committer::~Committer() { stop(); }

void Committer::submit(std::vector<PendingStep> steps, Submitter submitter) {
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    if (submitter == Submitter::idle && steps.size() == 1 && !writing_ && queue_.empty()) {
      writing_ = true;
      lock.unlock();
      write(steps);
      lock.lock();
      writing_ = false;
      wake = stopping_ || !queue_.empty();
    } else {
      room_.wait(lock,
                 [this] { return threads_ == Threads::none || queue_.size() < max_commit_queue; });
      wake = !writing_ && queue_.empty();  // who writes looks again
      std::ranges::move(steps, std::back_inserter(queue_));
    }
  }
  if (wake) ready_.notify_one();
}

void Committer::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Committer::work() {
  name_this_thread("ds-committer");
  for (std::vector<PendingStep> steps;; steps.clear()) {
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return !writing_ && (stopping_ || !queue_.empty()); });
      if (queue_.empty()) return;
      writing_ = true;
      steps.swap(queue_);
    }
    room_.notify_all();
    for (std::span rest(steps); !rest.empty();) {
      auto const batch = rest.first(room_for(rest));
      write(batch);
      rest = rest.subspan(batch.size());
    }
    std::lock_guard const lock(mutex_);
    writing_ = false;
  }
}

std::size_t Committer::waiting() const {
  std::lock_guard const lock(mutex_);
  return queue_.size();
}

void Committer::write_waiting(std::size_t most) {
  std::vector<PendingStep> steps;
  {
    std::lock_guard const lock(mutex_);
    auto const count = std::min(most, room_for(queue_));
    auto const end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    steps.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  if (!steps.empty()) write(steps);
}

void Committer::write(std::span<PendingStep> steps) {
  std::vector<Result<>> results(steps.size());
  if (!fatal_) {
    std::vector<storage::Append> appends;
    appends.reserve(steps.size());
    for (auto& pending : steps) {
      if (!pending.step) continue;
      appends.push_back(std::move(pending.step->append));
      for (auto& next : pending.step->then) appends.push_back(std::move(next.append));
    }
    if (!appends.empty()) {
      auto receipt = log_.append(appends);
      if (!receipt) {
        fatal_ = receipt.error();
      } else {
        std::size_t next = 0;
        for (std::size_t i = 0; i < steps.size(); ++i) {
          if (!steps[i].step) continue;
          results[i] = std::move(receipt->each[next++]);
          // What begins a run follows the end before it: it was refused where that was.
          for (auto const& following : steps[i].step->then) {
            static_cast<void>(following);
            auto const& also = receipt->each[next++];
            if (!also && results[i]) results[i] = also;
          }
        }
      }
      std::size_t next = 0;
      for (auto& pending : steps) {
        if (!pending.step) continue;
        pending.step->append = std::move(appends[next++]);
        for (auto& following : pending.step->then) following.append = std::move(appends[next++]);
      }
    }
  }
  if (fatal_) std::ranges::fill(results, Result<>(*fatal_));
  storage::crash_point("commit.before_release");
  release_(steps, results, fatal_.has_value());
  storage::crash_point("commit.after_release");
}

}  // namespace dalsegno::engine
