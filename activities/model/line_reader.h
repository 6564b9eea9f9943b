#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::activities {

/// Reads a stream line by line without ever holding more than one line of it (and a little).
class LineReader {
 public:
  struct Line {
    std::size_t number = 0;  ///< from 1
    std::string_view text;   ///< without the newline; valid until the next call
    bool too_long = false;  ///< beyond the limit: `text` is empty and the line has been passed over
  };

  LineReader(std::istream& in, std::size_t max_line_bytes);

  /// nullopt at the end, or when the stream fails; see `failed`.
  [[nodiscard]] std::optional<Line> next();

  /// The current line and all that follows, without moving on; nullopt if that is beyond the limit
  /// for a line. Valid until the next call.
  [[nodiscard]] std::optional<std::string_view> rest();

  [[nodiscard]] bool failed() const { return in_.bad(); }

 private:
  /// Whether there was something more to read.
  bool fill();
  [[nodiscard]] std::string_view buffered(std::size_t from) const {
    return std::string_view(buffer_).substr(from);
  }

  std::istream& in_;
  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t line_begin_ = 0;  // in buffer_: of the current line …
  std::size_t next_begin_ = 0;  // … and of the one after it
  std::size_t number_ = 0;
};

}  // namespace dalsegno::activities
