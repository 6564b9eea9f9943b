#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/workflow.h"

#include <chrono>
#include <cstdint>
#include <optional>

namespace dalsegno {

/// The one alarm of a session: set again, it rings at the new time and not at the old one. It is
/// kept in the session's store (the key "dalsegno.alarm"), so it lasts over checkpoints, restarts
/// and continue_as_new. It rings for whoever waits with `rings`, not before it is due; one that
/// came due while nobody waited rings at once. One object at a time.
class Alarm {
 public:
  explicit Alarm(Context& ctx) : ctx_(ctx) {}
  Alarm(Alarm const&) = delete;
  Alarm& operator=(Alarm const&) = delete;

  void set(Time due);
  void set_after(std::chrono::microseconds delay) { set(ctx_.now() + delay); }
  void clear();
  [[nodiscard]] std::optional<Time> due() const;

  /// Ends when the alarm has rung, and is not set any more then; waits for it to be set, too.
  /// Throws Cancelled.
  [[nodiscard]] Workflow<> rings();

 private:
  Context& ctx_;
  std::uint64_t changes_ = 0;  // how often it was set or cleared
};

}  // namespace dalsegno
