#pragma once

#include <cstdint>
#include <string_view>

namespace dalsegno::storage {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): crc32c("123456789") is 0xE3069283.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

}  // namespace dalsegno::storage
