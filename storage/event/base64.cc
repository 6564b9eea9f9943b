#include "storage/event/base64.h"

#include <cstdint>

namespace dalsegno::storage {
namespace {

constexpr std::string_view standard_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string encode_base64(std::string_view bytes, Base64 alphabet) {
  auto const digits = alphabet == Base64::url ? url_digits : standard_digits;
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (char const c : bytes) {
    bits = (bits << 8U | static_cast<unsigned char>(c)) & 0xFFFFFFU;
    count += 8;
    for (; count >= 6; count -= 6) out.push_back(digits[(bits >> (count - 6)) & 63U]);
  }
  if (count > 0) out.push_back(digits[(bits << (6 - count)) & 63U]);
  return out;
}

std::string encode_padded_base64(std::string_view bytes) {
  auto out = encode_base64(bytes, Base64::standard);
  out.resize((out.size() + 3) / 4 * 4, '=');
  return out;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (char const c : text) {
    auto const digit = url_digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U | static_cast<std::uint32_t>(digit)) & 0xFFFFFFU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>((bits >> count) & 0xFFU));
  }
  return out;
}

}  // namespace dalsegno::storage
