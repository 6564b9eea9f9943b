// Checks of tokens and addresses that are more than digits.

#include "dalsegno/json.h"
#include "storage/event/base64.h"
#include "storage/event/digest.h"
#include "storage/vault/ascii.h"
#include "storage/vault/checks.h"
#include "storage/vault/number_checks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace dalsegno::vault {

bool json_web_token(std::string_view value) {
  auto const header = storage::decode_base64url(value.substr(0, value.find('.')));
  if (!header) return false;
  auto const json = parse_json(*header);
  return json && json->as_object() != nullptr;
}

namespace {

/// Version byte, 20 bytes of hash, and the first 4 bytes of SHA-256 twice.
bool base58_address(std::string_view value) {
  static constexpr std::string_view alphabet =
      "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::array<std::uint8_t, 25> bytes{};
  for (char const c : value) {
    auto const digit = alphabet.find(c);
    if (digit == std::string_view::npos) return false;
    unsigned carry = static_cast<unsigned>(digit);
    for (auto i = bytes.size(); i-- > 0;) {
      carry += 58U * bytes[i];
      bytes[i] = static_cast<std::uint8_t>(carry & 0xFFU);
      carry >>= 8U;
    }
    if (carry != 0) return false;
  }
  auto const view = [](auto const& data, std::size_t size) {
    return std::string_view(reinterpret_cast<char const*>(data.data()), size);
  };
  auto const once = storage::sha256({view(bytes, 21)});
  auto const twice = storage::sha256({view(once.bytes, 32)});
  return std::equal(bytes.begin() + 21, bytes.end(), twice.bytes.begin());
}

bool bech32_address(std::string_view value) {
  static constexpr std::string_view alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  static constexpr std::array<std::uint32_t, 5> generator{
      0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  auto const text = lower(value);
  if (text != value && std::ranges::any_of(value, is_lower)) return false;  // mixed case
  auto const separator = text.rfind('1');
  if (separator == std::string::npos || separator == 0 || text.size() - separator < 7) return false;
  std::vector<std::uint32_t> symbols;
  for (char const c : text.substr(0, separator))
    symbols.push_back(static_cast<unsigned char>(c) >> 5U);
  symbols.push_back(0);
  for (char const c : text.substr(0, separator))
    symbols.push_back(static_cast<unsigned char>(c) & 31U);
  for (char const c : text.substr(separator + 1)) {
    auto const symbol = alphabet.find(c);
    if (symbol == std::string_view::npos) return false;
    symbols.push_back(static_cast<std::uint32_t>(symbol));
  }
  std::uint32_t check = 1;
  for (auto const symbol : symbols) {
    auto const top = check >> 25U;
    check = (check & 0x1ffffffU) << 5U ^ symbol;
    for (std::size_t i = 0; i < generator.size(); ++i)
      if (((top >> i) & 1U) != 0) check ^= generator[i];
  }
  return check == 1 || check == 0x2bc830a3;
}

constexpr std::array checks{
    NamedCheck{"json_web_token", &json_web_token},
    NamedCheck{"bitcoin_address", &bitcoin_address},
};

}  // namespace

bool bitcoin_address(std::string_view value) {
  return value[0] == '1' || value[0] == '3' ? base58_address(value) : bech32_address(value);
}

std::span<NamedCheck const> token_checks() { return checks; }

}  // namespace dalsegno::vault
