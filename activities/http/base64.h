#pragma once

#include <string>
#include <string_view>

namespace dalsegno::http {

/// RFC 4648, section 4, with padding.
[[nodiscard]] std::string to_base64(std::string_view bytes);

}  // namespace dalsegno::http
