#include "tools/dalsegno/ordered_lines.h"

#include "tools/dalsegno/globals.h"

#include <cstdio>
#include <utility>
#include <vector>

namespace dalsegno::command {

OrderedLines::OrderedLines(std::size_t places) : places_(places), thread_([this] { print(); }) {}

OrderedLines::~OrderedLines() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

OrderedLines::Place OrderedLines::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return lines_.size() < places_; });
  lines_.emplace_back();
  return first_ + lines_.size() - 1;
}

void OrderedLines::fill(Place place, Stream stream, std::string line) {
  {
    std::lock_guard const lock(mutex_);
    lines_[place - first_] = {.known = true, .stream = stream, .text = std::move(line)};
  }
  changed_.notify_all();
}

void OrderedLines::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return lines_.empty(); });
}

// Printing may wait for a slow reader, so it is done without the lock; a place is free once its
// line is printed.
void OrderedLines::print() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || (!lines_.empty() && lines_.front().known); });
    if (lines_.empty() || !lines_.front().known) return;
    std::vector<Line> ready;
    for (auto& line : lines_) {
      if (!line.known) break;
      ready.push_back(std::move(line));  // its place is kept until it is printed
    }
    lock.unlock();
    for (auto const& line : ready) {
      if (line.stream == Stream::error) {
        say(line.text);
      } else {
        std::fputs((line.text + "\n").c_str(), stdout);
      }
    }
    std::fflush(stdout);
    lock.lock();
    lines_.erase(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(ready.size()));
    first_ += ready.size();
    changed_.notify_all();
  }
}

}  // namespace dalsegno::command
