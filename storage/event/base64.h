#pragma once

// Base64 and base64url (RFC 4648).

#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::storage {

enum class Base64 : unsigned char { standard, url };

/// Without padding.
[[nodiscard]] std::string encode_base64(std::string_view bytes, Base64 alphabet);

/// The standard alphabet, with padding.
[[nodiscard]] std::string encode_padded_base64(std::string_view bytes);

/// Absent when `text` is no base64url; padding may be there or not.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace dalsegno::storage
