#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace dalsegno::mcp {

/// How long a request is waited for: `idle` from its beginning or the last sign that the server is
/// at it, and `total` altogether.
/// Thread: any.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  Patience(std::chrono::milliseconds idle, std::chrono::milliseconds total)
      : idle_(idle), end_(Clock::now() + total), last_sign_(Clock::now().time_since_epoch()) {}

  void sign() { last_sign_ = Clock::now().time_since_epoch(); }
  [[nodiscard]] Clock::time_point deadline() const {
    return std::min(end_, Clock::time_point(last_sign_.load()) + idle_);
  }
  [[nodiscard]] Clock::time_point end() const { return end_; }
  [[nodiscard]] std::chrono::milliseconds idle() const { return idle_; }

 private:
  std::chrono::milliseconds const idle_;
  Clock::time_point const end_;
  std::atomic<Clock::duration> last_sign_;
};

}  // namespace dalsegno::mcp
