#pragma once

#include "dalsegno/json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace dalsegno::activities {

/// What all rows of a table have in common.
struct AnswerShape {
  enum class Kind : std::uint8_t {
    leaf,        ///< any value
    object,      ///< with exactly these members
    list,        ///< of what `parts.front()` says
    empty_list,  ///< as a list of whatever the other rows have
  };
  Kind kind = Kind::leaf;
  std::vector<std::string> names = {};  ///< of an object, in canonical order
  std::vector<AnswerShape> parts = {};  ///< of an object: of its members; of a list: of its items

  [[nodiscard]] bool is_object() const { return kind == Kind::object; }
  [[nodiscard]] bool is_list() const { return kind == Kind::list; }
};

/// What `value` looks like; what lies more than `levels` deep is a leaf. Lists of scalars are
/// leaves.
[[nodiscard]] AnswerShape shape_of(Json const& value, int levels);

}  // namespace dalsegno::activities
