#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::storage {

/// Where the parts of a value stand: collects LocatedJson::places while a text is read from front
/// to back.
class JsonPlaces {
 public:
  explicit JsonPlaces(std::string_view text) : text_(text) {}

  /// Goes to the member or item `name` of the current value, and back to where the pointer was
  /// `pointer_size` long.
  void enter(std::string_view name);
  void leave(std::size_t pointer_size) { pointer_.resize(pointer_size); }
  [[nodiscard]] std::size_t pointer_size() const { return pointer_.size(); }

  /// The current value, or the name that leads to it, stands at `offset`: nowhere before the last
  /// one recorded.
  void record_value(std::size_t offset) { record(pointer_, offset); }
  void record_name(std::size_t offset) { record(pointer_ + "#key", offset); }

  /// The sum of the pointers' lengths is bounded, as it may grow with the square of the text's.
  static constexpr std::size_t max_pointer_bytes = 16 * 1024 * 1024;
  [[nodiscard]] bool is_full() const { return pointer_bytes_ > max_pointer_bytes; }

  [[nodiscard]] std::vector<std::pair<std::string, JsonPlace>> take();

 private:
  void record(std::string pointer, std::size_t offset);

  std::string_view text_;
  std::string pointer_;
  std::size_t pointer_bytes_ = 0;
  std::size_t seen_ = 0;
  std::size_t line_ = 1;
  std::size_t line_start_ = 0;
  std::vector<std::pair<std::string, JsonPlace>> places_;
};

}  // namespace dalsegno::storage
