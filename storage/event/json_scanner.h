#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace dalsegno::storage {

/// Goes through a JSON text from front to back: blanks, strings, numbers. Every function that
/// returns a bool returns false when the text is wrong there; `failure()` then says how, and
/// nothing else may be read.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] std::size_t offset() const { return at_; }
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  /// The next byte; NUL at the end.
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  /// Goes on if the next byte is `c`; false is no failure.
  bool consume(char c);
  void skip(std::size_t count) { at_ += count; }
  void skip_blanks();

  /// From the opening quote to behind the closing one; appends what stands between, with escapes
  /// resolved.
  [[nodiscard]] bool read_string(std::string& out);
  /// From the first digit or '-' to behind the number.
  [[nodiscard]] bool read_number(Json& out);

  struct Failure {
    std::size_t offset = 0;
    std::string what;
  };
  [[nodiscard]] Failure const& failure() const { return failure_; }
  /// Always false.
  bool fail(std::size_t offset, std::string what);
  bool fail_here(std::string_view expected);

 private:
  [[nodiscard]] std::string found() const;
  bool read_escape(std::string& out);
  bool read_unicode_escape(std::size_t start, std::string& out);
  bool read_hex4(unsigned& out);
  bool read_digits(std::string_view expected);

  std::string_view text_;
  std::size_t at_ = 0;
  Failure failure_;
};

}  // namespace dalsegno::storage
