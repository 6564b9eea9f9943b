#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::http {

/// An IPv4 or IPv6 address. A value; no scope, no port.
class Address {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  constexpr Address() = default;  ///< 0.0.0.0

  [[nodiscard]] static constexpr Address v4(std::uint32_t value) {
    Address address;
    for (std::size_t i = 0; i < 4; ++i)
      address.bytes_[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
    return address;
  }
  [[nodiscard]] static constexpr Address v6(Bytes const& bytes) {
    Address address;
    address.is_v6_ = true;
    address.bytes_ = bytes;
    return address;
  }

  [[nodiscard]] constexpr bool is_v6() const { return is_v6_; }
  /// In network order; the first four for IPv4, the others are 0.
  [[nodiscard]] constexpr Bytes const& bytes() const { return bytes_; }
  [[nodiscard]] constexpr unsigned bits() const { return is_v6_ ? 128 : 32; }

  friend constexpr auto operator<=>(Address const&, Address const&) = default;

 private:
  bool is_v6_ = false;
  Bytes bytes_{};
};

/// "192.0.2.1": four decimal numbers of 0 to 255 without leading zeros, and nothing else: no octal,
/// no hexadecimal, no short form.
[[nodiscard]] std::optional<Address> parse_ipv4(std::string_view text);
/// "2001:db8::1", "::ffff:192.0.2.1": the forms of RFC 4291, section 2.2. No brackets, no zone.
[[nodiscard]] std::optional<Address> parse_ipv6(std::string_view text);
/// Either of both.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);

/// IPv4 in dotted decimals; IPv6 as RFC 5952 has it, but always in hexadecimal groups
/// (::ffff:c000:201), as the URL standard prints it.
[[nodiscard]] std::string to_string(Address const& address);

/// All addresses that begin with the same bits.
struct Network {
  Address first;        ///< bits beyond the prefix are 0
  unsigned prefix = 0;  ///< in bits

  [[nodiscard]] constexpr bool contains(Address const& address) const {
    if (address.is_v6() != first.is_v6()) return false;
    for (unsigned bit = 0; bit < prefix; bit += 8) {
      auto const difference = address.bytes()[bit / 8] ^ first.bytes()[bit / 8];
      auto const length = prefix - bit < 8 ? prefix - bit : 8;
      if (difference >> (8 - length) != 0) return false;
    }
    return true;
  }

  friend bool operator==(Network const&, Network const&) = default;
};

/// "10.0.0.0/8", "fc00::/7", or an address alone, which is a network of one. Nothing when bits
/// beyond the prefix are set: such a network was meant otherwise.
[[nodiscard]] std::optional<Network> parse_network(std::string_view text);
[[nodiscard]] std::string to_string(Network const& network);

}  // namespace dalsegno::http
