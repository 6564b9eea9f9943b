#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::engine {

/// What is wrong with a document that people write, collected so that one reading shows all of it.
class Problems {
 public:
  void note(JsonPlace place, std::string what);

  [[nodiscard]] bool empty() const { return noted_.empty(); }
  /// Errc::invalid with one line per problem, "FILE:LINE:COLUMN: what", in the order of the text;
  /// the first 20, and how many more there are. There must be at least one.
  [[nodiscard]] Error error(std::string_view file) const;

 private:
  std::multimap<std::pair<std::size_t, std::size_t>, std::string> noted_;  // line and column → what
};

/// The place and the rest of an error of `parse_json`, whose detail begins "line L, column C: ".
[[nodiscard]] std::pair<JsonPlace, std::string> placed(Error const& of_parser);

/// `text` in quotes, safe to print on one line; the end of a long one is left out. `text` must be
/// UTF-8.
[[nodiscard]] std::string quoted(std::string_view text);

/// "; did you mean …?" with the word of `known` that is nearest to `word`, else "; known are …".
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<std::string_view const> known);

}  // namespace dalsegno::engine
