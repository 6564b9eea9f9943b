#pragma once

// Check digits and other arithmetic that tells a value from a number that merely looks like one.

#include <string_view>

namespace dalsegno::vault {

/// Whether `value` (as it stands in the text, with its separators) is what the check asks for.
using Check = bool (*)(std::string_view value);

/// The check that a rule names; nullptr when there is none of that name. The names, with their
/// sources: `storage/vault/rules/README.md`.
[[nodiscard]] Check find_check(std::string_view name);

/// Luhn's algorithm (ISO/IEC 7812-1, annex B) over the digits of `value`; other bytes are skipped.
[[nodiscard]] bool luhn(std::string_view value);
/// ISO 7064 MOD 97-10 as an IBAN uses it (ISO 13616), over letters and digits; others are skipped.
[[nodiscard]] bool iban_mod_97(std::string_view value);
/// A JSON object in base64url: the first part of a token of RFC 7519.
[[nodiscard]] bool json_web_token(std::string_view value);
/// A Bitcoin address: base58 with its four bytes of double SHA-256, or bech32 and bech32m (BIP 173,
/// 350).
[[nodiscard]] bool bitcoin_address(std::string_view value);

}  // namespace dalsegno::vault
