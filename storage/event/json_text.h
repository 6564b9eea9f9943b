#pragma once

// What reading and writing JSON text have in common.

#include "dalsegno/json.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace dalsegno::storage {

/// How many bytes at the start of `text` stand for themselves in a JSON string: ASCII but for the
/// control characters below 0x20, the quote and the backslash.
[[nodiscard]] std::size_t plain_prefix(std::string_view text);

/// The length in bytes (1 to 4) of the UTF-8 character at the start of `text`, or 0 when there is
/// none (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// Appends `value` in the shape that `to_string` and `canonical` share; not for arrays and objects.
/// A double is written as `canonical_number` does it.
void append_scalar(std::string& out, Json const& value);

}  // namespace dalsegno::storage
