#pragma once

#include "engine/policy/rule.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A name or a glob. The part before the first wildcard is compared at once, which settles most.
class Pattern {
 public:
  explicit Pattern(std::string text);

  [[nodiscard]] bool is_exact() const { return prefix_bytes_ == text_.size(); }
  [[nodiscard]] std::string const& text() const { return text_; }
  /// What stands before the first wildcard.
  [[nodiscard]] std::string_view prefix() const {
    return std::string_view(text_).substr(0, prefix_bytes_);
  }
  [[nodiscard]] bool match(std::string_view name) const;

 private:
  std::string text_;
  std::size_t prefix_bytes_;
};

/// Which names a rule has to do with; without any, all.
class Names {
 public:
  explicit Names(Patterns const& patterns);

  [[nodiscard]] bool match(std::string_view name) const;
  [[nodiscard]] bool match_one_of(std::span<std::string const> names) const;
  [[nodiscard]] bool any() const { return patterns_.empty(); }
  /// Whether there are only names in full, so that an index can find them.
  [[nodiscard]] bool exact() const;
  /// Whether each begins with something literal.
  [[nodiscard]] bool prefixed() const;
  [[nodiscard]] std::vector<Pattern> const& patterns() const { return patterns_; }

 private:
  std::vector<Pattern> patterns_;
};

}  // namespace dalsegno::engine
