#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace dalsegno::mcp {

/// The last bytes of a stream, never more than `limit`.
/// Thread: any.
class ByteTail {
 public:
  explicit ByteTail(std::size_t limit) : limit_(limit) {}

  void add(std::string_view bytes) {
    std::scoped_lock const lock(mutex_);
    if (bytes.size() >= limit_) {
      kept_ = bytes.substr(bytes.size() - limit_);
      return;
    }
    kept_ += bytes;
    if (kept_.size() > limit_) kept_.erase(0, kept_.size() - limit_);
  }
  [[nodiscard]] std::string text() const {
    std::scoped_lock const lock(mutex_);
    return kept_;
  }

 private:
  std::size_t const limit_;
  mutable std::mutex mutex_;
  std::string kept_;  // guarded by mutex_
};

}  // namespace dalsegno::mcp
