#include "storage/rocksdb/crc32c.h"

#include <array>
#include <cstddef>

namespace dalsegno::storage {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = value;
  }
  return table;
}

constexpr auto table = make_table();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t value = ~std::uint32_t{0};
  for (char const byte : bytes)
    value = (value >> 8) ^ table[(value ^ static_cast<std::uint8_t>(byte)) & 0xFF];
  return ~value;
}

}  // namespace dalsegno::storage
