#include "engine/runtime/watchdog.h"

#include "engine/runtime/thread_name.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

namespace dalsegno::engine {

namespace {

constexpr unsigned looks_in_limit = 10;

}  // namespace

Watchdog::Watchdog(MarkerFile& markers,
                   std::size_t shards,
                   std::chrono::milliseconds limit,
                   Tell tell)
    : markers_(markers), limit_(limit), tell_(std::move(tell)), seen_(shards) {
  thread_ = std::jthread([this] { work(); });
}

Watchdog::~Watchdog() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_one();
}

void Watchdog::work() {
  name_this_thread("ds-watchdog");
  auto const pause = std::max(limit_ / looks_in_limit, std::chrono::milliseconds(1));
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, pause, [this] { return stopping_; })) look();
}

void Watchdog::look() {
  for (std::size_t shard = 0; shard < seen_.size(); ++shard) {
    auto& seen = seen_[shard];
    auto const step = markers_.step(shard);
    if (step == 0 || step != seen.step) {
      seen = {step, 0};
    } else if (++seen.times > looks_in_limit) {
      if (auto const guilty = markers_.accuse(shard, step)) end_process(*guilty);
    }
  }
}

void Watchdog::end_process(Guilty const& guilty) const {
  tell_(guilty.session,
        "a step of run " + to_string(guilty.run) + " behind event " +
            std::to_string(guilty.sequence) + " has taken more than " +
            std::to_string(limit_.count()) +
            " ms, and all sessions of its shard wait for it: the process ends itself (SIGABRT). "
            "Start it again; the session is held when this has happened three times in a row, and "
            "the others go on. Look for a loop that awaits nothing, or for something slow that "
            "should be an activity");
  std::abort();
}

}  // namespace dalsegno::engine
