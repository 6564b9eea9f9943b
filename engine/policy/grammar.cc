#include "engine/policy/grammar.h"

#include <algorithm>

namespace dalsegno::engine {

std::optional<std::size_t> action_number(std::string_view name) {
  auto const* const found = std::ranges::find(action_names, name);
  if (found == action_names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - action_names.begin());
}

std::optional<AttributeName> attribute_of(std::string_view name) {
  auto const* const found = std::ranges::find(attribute_table, name, &AttributeInfo::name);
  if (found == attribute_table.end()) return std::nullopt;
  return static_cast<AttributeName>(found - attribute_table.begin());
}

}  // namespace dalsegno::engine
