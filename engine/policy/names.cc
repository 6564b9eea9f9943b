#include "engine/policy/names.h"

#include "engine/policy/glob.h"

#include <algorithm>
#include <utility>

namespace dalsegno::engine {

Pattern::Pattern(std::string text)
    : text_(std::move(text)), prefix_bytes_(std::min(text_.find_first_of("*?"), text_.size())) {}

bool Pattern::match(std::string_view name) const {
  auto const pattern = std::string_view(text_);
  if (!name.starts_with(prefix())) return false;
  if (is_exact()) return name.size() == pattern.size();
  return glob_matches(pattern.substr(prefix_bytes_), name.substr(prefix_bytes_));
}

Names::Names(Patterns const& patterns) {
  if (std::ranges::find(patterns, "*") != patterns.end()) return;
  for (auto const& text : patterns) patterns_.emplace_back(text);
}

bool Names::match(std::string_view name) const {
  return patterns_.empty() ||
         std::ranges::any_of(patterns_, [name](Pattern const& it) { return it.match(name); });
}

bool Names::match_one_of(std::span<std::string const> names) const {
  return patterns_.empty() ||
         std::ranges::any_of(names, [this](std::string const& name) { return match(name); });
}

bool Names::exact() const {
  return !patterns_.empty() && std::ranges::all_of(patterns_, &Pattern::is_exact);
}

bool Names::prefixed() const {
  return !patterns_.empty() &&
         std::ranges::none_of(patterns_, [](Pattern const& it) { return it.prefix().empty(); });
}

}  // namespace dalsegno::engine
