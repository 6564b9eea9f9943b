#include "storage/log/bytes.h"

namespace dalsegno::storage {

void ByteWriter::big_endian(std::uint64_t value, int width) {
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
    bytes_.push_back(static_cast<char>((value >> shift) & 0xFF));
  }
}

void ByteWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    bytes_.push_back(static_cast<char>((value & 0x7F) | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<char>(value));
}

void ByteWriter::zigzag(std::int64_t value) {
  auto const bits = static_cast<std::uint64_t>(value);
  varint((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void ByteWriter::text(std::string_view value) {
  varint(value.size());
  bytes_.append(value);
}

void ByteReader::fail() {
  ok_ = false;
  rest_ = {};
}

std::uint64_t ByteReader::big_endian(std::size_t width) {
  std::uint64_t value = 0;
  for (char const byte : raw(width)) value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

std::uint64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    auto const byte = u8();
    if (!ok_) return 0;
    bool const overflows = shift == 63 && byte > 1;
    bool const padded = shift > 0 && byte == 0;
    if (overflows || padded) break;
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  fail();
  return 0;
}

std::int64_t ByteReader::zigzag() {
  auto const bits = varint();
  return static_cast<std::int64_t>((bits >> 1) ^ ((bits & 1) != 0 ? ~std::uint64_t{0} : 0));
}

std::string_view ByteReader::raw(std::size_t size) {
  if (size > rest_.size()) {
    fail();
    return {};
  }
  auto const result = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return result;
}

std::string_view ByteReader::text() {
  auto const size = varint();
  if (size > rest_.size()) {
    fail();
    return {};
  }
  return raw(static_cast<std::size_t>(size));
}

std::string_view ByteReader::until_zero() {
  auto const end = rest_.find('\0');
  if (end == std::string_view::npos) {
    fail();
    return {};
  }
  auto const result = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return result;
}

}  // namespace dalsegno::storage
