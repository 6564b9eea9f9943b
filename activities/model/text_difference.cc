#include "activities/model/text_difference.h"

#include "engine/policy/problems.h"

#include <algorithm>
#include <cstddef>

namespace dalsegno::activities {
namespace {

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

TextDifference difference(std::string_view left, std::string_view right) {
  constexpr std::size_t all_shown = 60;  // of a text that is shown from its beginning
  constexpr std::size_t before = 24;     // shown of what is still equal
  auto from = static_cast<std::size_t>(std::ranges::mismatch(left, right).in1 - left.begin());
  from = from > all_shown ? from - before : 0;
  // Both are equal up to here, so a character that begins in one begins in the other.
  while (from > 0 && continues_character(left[from])) --from;
  std::string_view const dots = from > 0 ? "..." : "";
  auto const shown = [&](std::string_view text) {
    return std::string(dots) + engine::quoted(text.substr(from));
  };
  return {shown(left), shown(right)};
}

}  // namespace dalsegno::activities
