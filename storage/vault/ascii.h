#pragma once

// Classes of ASCII characters, without locales. Bytes from 0x80 on are in none of them.

#include <cstddef>
#include <string>
#include <string_view>

namespace dalsegno::vault {

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
[[nodiscard]] constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
[[nodiscard]] constexpr bool is_letter(char c) { return is_upper(c) || is_lower(c); }
[[nodiscard]] constexpr bool is_alnum(char c) { return is_digit(c) || is_letter(c); }
[[nodiscard]] constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
[[nodiscard]] constexpr bool is_space(char c) {
  return is_blank(c) || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
[[nodiscard]] constexpr bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
[[nodiscard]] constexpr char lower(char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; }
[[nodiscard]] inline std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = lower(c);
  return out;
}
/// The digits of `text`, without what stands between them.
[[nodiscard]] inline std::string digits_of(std::string_view text) {
  std::string out;
  for (char const c : text)
    if (is_digit(c)) out.push_back(c);
  return out;
}
/// The byte at `at`, NUL outside of `text`.
[[nodiscard]] constexpr char at_or_nul(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\0';
}

}  // namespace dalsegno::vault
