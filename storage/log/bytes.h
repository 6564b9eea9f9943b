#pragma once

// Small encodings shared by the records that are not FlatBuffers. Source: storage/format.md, "Small
// records".

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::storage {

/// Appends to a string. Big-endian numbers keep their order as bytes; varints (LEB128) are short.
class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void u16be(std::uint16_t value) { big_endian(value, 2); }
  void u32be(std::uint32_t value) { big_endian(value, 4); }
  void u64be(std::uint64_t value) { big_endian(value, 8); }
  void varint(std::uint64_t value);
  /// Numbers of either sign, small ones short: 0, -1, 1, -2 … become 0, 1, 2, 3 …
  void zigzag(std::int64_t value);
  void raw(std::string_view value) { bytes_.append(value); }
  template <std::size_t size>
  void raw(std::array<std::uint8_t, size> const& value) {
    bytes_.append(reinterpret_cast<char const*>(value.data()), size);
  }
  /// A varint of the length, then the bytes.
  void text(std::string_view value);

  [[nodiscard]] std::string take() { return std::move(bytes_); }
  void reserve(std::size_t size) { bytes_.reserve(size); }

 private:
  void big_endian(std::uint64_t value, int width);

  std::string bytes_;
};

/// Reads untrusted bytes. After the first read past the end (or a varint that is not the shortest)
/// everything reads as zero and `ok()` stays false, so a caller checks once, at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  explicit ByteReader(std::string&&) = delete;  // it would be gone

  [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian(1)); }
  [[nodiscard]] std::uint16_t u16be() { return static_cast<std::uint16_t>(big_endian(2)); }
  [[nodiscard]] std::uint32_t u32be() { return static_cast<std::uint32_t>(big_endian(4)); }
  [[nodiscard]] std::uint64_t u64be() { return big_endian(8); }
  [[nodiscard]] std::uint64_t varint();
  [[nodiscard]] std::int64_t zigzag();
  [[nodiscard]] std::string_view raw(std::size_t size);
  template <std::size_t size>
  [[nodiscard]] std::array<std::uint8_t, size> array() {
    std::array<std::uint8_t, size> result{};
    auto const bytes = raw(size);
    for (std::size_t i = 0; i < bytes.size(); ++i) result[i] = static_cast<std::uint8_t>(bytes[i]);
    return result;
  }
  [[nodiscard]] std::string_view text();
  /// Up to the next zero byte, which is skipped.
  [[nodiscard]] std::string_view until_zero();

  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }
  /// Everything was there and nothing is left.
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }
  void fail();

 private:
  std::uint64_t big_endian(std::size_t width);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace dalsegno::storage
