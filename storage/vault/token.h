#pragma once

// What stands in place of a secret: `[secret:KIND:HEX]`.

#include "storage/event/digest.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

/// Hexadecimal digits in a token: 64 bits of the HMAC. Among n different values of a store two have
/// the same token with a chance of about n² / 2^65: 3 in 10^8 for a million. The vault refuses to
/// keep two values under one token.
inline constexpr std::size_t token_digits = 16;

/// Makes tokens with the key of one store. Equal values have equal digits, whatever their kind.
/// Thread: const use from several threads is fine.
class TokenMaker {
 public:
  explicit TokenMaker(storage::SessionSecret const& key) : digester_(key) {}

  /// The digits for `value`: the first of HMAC-SHA-256(key, "dalsegno/redaction/1" ‖ 0x00 ‖ value).
  [[nodiscard]] std::string digits(std::string_view value) const;
  /// `[secret:KIND:DIGITS]`. `kind`: 1 to 40 of a-z, 0-9 and '_'.
  [[nodiscard]] std::string token(std::string_view kind, std::string_view value) const;

 private:
  storage::KeyedDigester digester_;
};

struct TokenPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view kind;
  std::string_view digits;
};

/// Where tokens stand in `text`, in order.
[[nodiscard]] std::vector<TokenPlace> find_tokens(std::string_view text);

}  // namespace dalsegno::vault
