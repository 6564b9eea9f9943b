#pragma once

#include <string>
#include <string_view>

namespace dalsegno::activities {

/// Two texts that differ, in quotes and cut to where they begin to differ.
struct TextDifference {
  std::string left;
  std::string right;
};

/// Shape: one line each, at most about 100 bytes and UTF-8; "..." stands for what is left out. Both
/// must be UTF-8.
[[nodiscard]] TextDifference difference(std::string_view left, std::string_view right);

}  // namespace dalsegno::activities
