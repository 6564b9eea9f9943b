#include "activities/model/line_reader.h"

namespace dalsegno::activities {

LineReader::LineReader(std::istream& in, std::size_t max_line_bytes)
    : in_(in), max_line_bytes_(max_line_bytes) {}

bool LineReader::fill() {
  std::size_t constexpr chunk_bytes = 256U << 10U;
  auto const had = buffer_.size();
  buffer_.resize(had + chunk_bytes);
  in_.read(buffer_.data() + had, static_cast<std::streamsize>(chunk_bytes));
  buffer_.resize(had + static_cast<std::size_t>(in_.gcount()));
  return buffer_.size() > had;
}

std::optional<LineReader::Line> LineReader::next() {
  line_begin_ = next_begin_;
  auto searched = line_begin_;
  bool too_long = false;
  std::size_t newline = 0;
  while ((newline = buffer_.find('\n', searched)) == std::string::npos) {
    buffer_.erase(0, line_begin_);
    line_begin_ = 0;
    too_long = too_long || buffer_.size() > max_line_bytes_;
    if (too_long) buffer_.clear();
    searched = buffer_.size();
    if (!fill()) {
      if (failed() || (buffer_.empty() && !too_long)) {
        next_begin_ = buffer_.size();
        return std::nullopt;
      }
      newline = buffer_.size();
      break;
    }
  }
  next_begin_ = newline < buffer_.size() ? newline + 1 : newline;
  auto const text = buffered(line_begin_).substr(0, newline - line_begin_);
  too_long = too_long || text.size() > max_line_bytes_;
  return Line{
      .number = ++number_, .text = too_long ? std::string_view() : text, .too_long = too_long};
}

std::optional<std::string_view> LineReader::rest() {
  while (buffer_.size() - line_begin_ <= max_line_bytes_) {
    if (!fill()) return buffered(line_begin_);
  }
  return std::nullopt;
}

}  // namespace dalsegno::activities
