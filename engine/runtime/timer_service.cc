#include "engine/runtime/timer_service.h"

#include "engine/runtime/thread_name.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dalsegno::engine {

namespace {

constexpr std::size_t most_at_once = 1'000;

/// The wall clock may be set while we sleep: look again at least this often.
constexpr std::chrono::seconds longest_sleep{1};

}  // namespace

TimerService::TimerService(
    storage::EventLog const& log, Now now, Fire fire, Fail fail, Threads threads)
    : log_(log),
      now_(std::move(now)),
      fire_(std::move(fire)),
      fail_(std::move(fail)),
      threads_(threads) {}

TimerService::~TimerService() { stop(); }

void TimerService::start() {
  auto const next = fire_due(Time{});
  std::lock_guard const lock(mutex_);
  from_ = next.from;
  next_due_ = next.due;
  if (threads_ == Threads::own) thread_ = std::jthread([this] { work(); });
}

void TimerService::armed(Time due) {
  bool sooner = false;
  {
    std::lock_guard const lock(mutex_);
    from_ = std::min(from_, due);
    sooner = !next_due_ || due < *next_due_;
    if (sooner) next_due_ = due;
  }
  if (sooner) changed_.notify_one();
}

void TimerService::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

TimerService::Next TimerService::fire_due(Time from) {
  for (auto most = most_at_once;;) {
    auto due = log_.timers(from, now_(), most);
    if (!due) {
      fail_(due.error());
      return {from, std::nullopt};
    }
    bool const all = due->size() < most;
    if (!all && due->front().due == due->back().due) {
      most *= 2;  // more are due at this very moment than one look brings
      continue;
    }
    most = most_at_once;
    if (!due->empty()) {
      // The rest of the last moment comes with the next look; who is fired twice takes the first.
      auto const last = due->back().due;
      from = all ? last + std::chrono::microseconds(1) : last;
      fire_(*due);
    }
    if (all) break;
  }
  auto next = log_.timers(from, Time::max(), 1);
  if (!next) {
    fail_(next.error());
    return {from, std::nullopt};
  }
  return {from, next->empty() ? std::nullopt : std::optional(next->front().due)};
}

void TimerService::work() {
  name_this_thread("ds-timers");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    auto const now = now_();
    if (!next_due_ || *next_due_ > now) {
      auto const sleep = next_due_
                             ? std::min<std::chrono::microseconds>(*next_due_ - now, longest_sleep)
                             : std::chrono::microseconds(longest_sleep);
      changed_.wait_for(lock, sleep);
      continue;
    }
    look(lock);
  }
}

void TimerService::look(std::unique_lock<std::mutex>& lock) {
  auto const from = std::exchange(from_, Time::max());
  next_due_.reset();
  lock.unlock();
  auto const next = fire_due(from);
  lock.lock();
  from_ = std::min(from_, next.from);  // `armed` may have been called meanwhile
  if (next.due) next_due_ = next_due_ ? std::min(*next_due_, *next.due) : *next.due;
}

std::optional<Time> TimerService::next_due() const {
  std::lock_guard const lock(mutex_);
  return next_due_;
}

void TimerService::look() {
  std::unique_lock lock(mutex_);
  look(lock);
}

}  // namespace dalsegno::engine
