#include "engine/policy/glob.h"

#include <cstddef>

namespace dalsegno::engine {
namespace {

/// The position after the character that begins at `position`.
std::size_t after_character(std::string_view text, std::size_t position) {
  auto const continues = [&] {
    return position < text.size() && (static_cast<unsigned char>(text[position]) & 0xC0U) == 0x80U;
  };
  do ++position;
  while (continues());
  return position;
}

}  // namespace

bool is_glob(std::string_view pattern) {
  return pattern.find_first_of("*?") != std::string_view::npos;
}

// Only the latest star ever needs to give way: what the earlier ones took is the shortest possible,
// and a longer match of theirs could only leave less for the rest. So there is one place to come
// back to, and no recursion.
bool glob_matches(std::string_view pattern, std::string_view text) {
  auto constexpr none = std::string_view::npos;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t after_star = none;  // in the pattern
  std::size_t star_end = 0;       // in the text: where the latest star's share ends
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_end = t;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      t = after_character(text, t);
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (after_star != none) {
      star_end = after_character(text, star_end);
      p = after_star;
      t = star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == none;
}

}  // namespace dalsegno::engine
