#pragma once

// Lower-case hexadecimal, two digits a byte.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::storage {

template <std::size_t size>
[[nodiscard]] std::string hex_text(std::array<std::uint8_t, size> const& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (auto const byte : bytes) {
    text.push_back(digits[byte >> 4U]);
    text.push_back(digits[byte & 0xFU]);
  }
  return text;
}

/// Absent when `text` is not exactly `size` bytes in lower-case digits.
template <std::size_t size>
[[nodiscard]] std::optional<std::array<std::uint8_t, size>> parse_hex(std::string_view text) {
  if (text.size() != 2 * size) return std::nullopt;
  std::array<std::uint8_t, size> bytes{};
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const digit = text[i];
    int value = -1;
    if (digit >= '0' && digit <= '9') value = digit - '0';
    if (digit >= 'a' && digit <= 'f') value = digit - 'a' + 10;
    if (value < 0) return std::nullopt;
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4U | value);
  }
  return bytes;
}

}  // namespace dalsegno::storage
