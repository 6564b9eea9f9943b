#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::config {

/// The names of a section's tables.
template <class T>
[[nodiscard]] std::vector<std::string_view> names_of(std::map<std::string, T> const& entries) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (auto const& [name, entry] : entries) names.push_back(name);
  return names;
}

}  // namespace dalsegno::config
