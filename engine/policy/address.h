#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dalsegno::engine {

/// An IP address of either kind, in 16 bytes: IPv4 as ::ffff:a.b.c.d.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] bool is_v4() const;
  friend bool operator==(IpAddress const&, IpAddress const&) = default;
};

/// Four decimal numbers without leading zeros, or RFC 4291 text ("::" once, a dotted tail allowed,
/// no zone).
[[nodiscard]] std::optional<IpAddress> parse_address(std::string_view text);

/// The addresses whose first `bits` (of 128) are those of `first`.
struct Network {
  IpAddress first;
  int bits = 0;
  [[nodiscard]] bool contains(IpAddress const& address) const;
};

/// "10.0.0.0/8", "2001:db8::/32"; an address alone is a network of one. The bits behind the prefix
/// must be zero. An IPv4 network holds IPv4-mapped IPv6 addresses too: they are the same host.
[[nodiscard]] std::optional<Network> parse_network(std::string_view text);

}  // namespace dalsegno::engine
