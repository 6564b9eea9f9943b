#include "engine/policy/grammar.h"

#include <algorithm>

namespace dalsegno::engine {

std::optional<std::size_t> action_number(std::string_view name) {
  auto const* const found = std::ranges::find(action_names, name);
  if (found == action_names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - action_names.begin());
}

std::optional<AttributeName> attribute_of(std::string_view name) {
  auto const* const found = std::ranges::find(attributes, name, &AttributeInfo::name);
  if (found == attributes.end()) return std::nullopt;
  return static_cast<AttributeName>(found - attributes.begin());
}

}  // namespace dalsegno::engine
