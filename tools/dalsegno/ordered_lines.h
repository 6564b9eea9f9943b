#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace dalsegno::command {

/// Prints lines in the order in which their places were taken, each as soon as it and all before it
/// are known: answers to a stream of requests that are answered in any order. Thread: any.
class OrderedLines {
 public:
  /// At most `places` are taken and not yet printed.
  explicit OrderedLines(std::size_t places);
  OrderedLines(OrderedLines const&) = delete;
  OrderedLines& operator=(OrderedLines const&) = delete;
  ~OrderedLines();

  using Place = std::uint64_t;
  /// Waits while all places are taken.
  [[nodiscard]] Place take();
  enum class Stream : std::uint8_t { out, error };
  void fill(Place place, Stream stream, std::string line);
  /// Waits until all lines are printed.
  void finish();

 private:
  struct Line {
    bool known = false;
    Stream stream = Stream::out;
    std::string text;
  };

  void print();

  // Set in the constructor.
  std::size_t const places_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Line> lines_;
  Place first_ = 0;  // of lines_
  bool stopping_ = false;

  std::jthread thread_;
};

}  // namespace dalsegno::command
