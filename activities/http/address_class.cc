#include "activities/http/address_class.h"

#include <array>
#include <initializer_list>

namespace dalsegno::http {
namespace {

using enum AddressClass;

struct Entry {
  Network network;
  AddressClass kind = global;
};

constexpr Entry v4(std::uint8_t a,
                   std::uint8_t b,
                   std::uint8_t c,
                   std::uint8_t d,
                   unsigned prefix,
                   AddressClass kind) {
  auto const value = static_cast<std::uint32_t>(a) << 24 | static_cast<std::uint32_t>(b) << 16 |
                     static_cast<std::uint32_t>(c) << 8 | static_cast<std::uint32_t>(d);
  return {{Address::v4(value), prefix}, kind};
}

/// `groups` are the first 16-bit groups; the others are 0.
constexpr Entry v6(std::initializer_list<std::uint16_t> groups,
                   unsigned prefix,
                   AddressClass kind) {
  Address::Bytes bytes{};
  std::size_t at = 0;
  for (auto const group : groups) {
    bytes[at++] = static_cast<std::uint8_t>(group >> 8);
    bytes[at++] = static_cast<std::uint8_t>(group);
  }
  return {{Address::v6(bytes), prefix}, kind};
}

// The first that contains an address decides, so the narrower stands before the wider. Left out
// are entries that the registries call globally reachable (AS112, AMT). What IANA has not given out
// (most of IPv6 beyond 2000::/3) is no entry either: no route leads there.
constexpr std::array entries_v4 = {
    v4(169, 254, 169, 254, 32, metadata),  // nearly all
    v4(169, 254, 170, 2, 32, metadata),    // Amazon, containers
    v4(168, 63, 129, 16, 32, metadata),    // Azure: a public address, but the host's own
    v4(100, 100, 100, 200, 32, metadata),  // Alibaba
    v4(192, 0, 0, 192, 32, metadata),      // Oracle
    v4(0, 0, 0, 0, 8, this_network),        v4(10, 0, 0, 0, 8, private_use),
    v4(100, 64, 0, 0, 10, shared),          v4(127, 0, 0, 0, 8, loopback),
    v4(169, 254, 0, 0, 16, link_local),     v4(172, 16, 0, 0, 12, private_use),
    v4(192, 0, 0, 0, 24, protocol),         v4(192, 0, 2, 0, 24, documentation),
    v4(192, 88, 99, 0, 24, protocol),  // the relays of 6to4, no longer used
    v4(192, 168, 0, 0, 16, private_use),    v4(198, 18, 0, 0, 15, benchmarking),
    v4(198, 51, 100, 0, 24, documentation), v4(203, 0, 113, 0, 24, documentation),
    v4(224, 0, 0, 0, 4, multicast),         v4(240, 0, 0, 0, 4, reserved),
};
constexpr std::array entries_v6 = {
    v6({}, 128, this_network),
    v6({0, 0, 0, 0, 0, 0, 0, 1}, 128, loopback),
    v6({}, 96, translation),                       // compatible with IPv4, no longer used
    v6({0, 0, 0, 0, 0, 0xffff}, 96, translation),  // mapped
    v6({0, 0, 0, 0, 0xffff}, 96, translation),     // SIIT
    v6({0x64, 0xff9b}, 96, translation),           // NAT64
    v6({0x64, 0xff9b, 1}, 48, translation),        // NAT64, of a network's own
    v6({0x100}, 64, reserved),                     // discard
    v6({0x100, 0, 0, 1}, 64, reserved),            // dummy
    v6({0x2001}, 32, translation),                 // Teredo
    v6({0x2001, 2}, 48, benchmarking),
    v6({0x2001}, 23, protocol),
    v6({0x2001, 0xdb8}, 32, documentation),
    v6({0x2002}, 16, translation),  // 6to4
    v6({0x3fff}, 20, documentation),
    v6({0x5f00}, 16, reserved),                                // segment routing
    v6({0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254}, 128, metadata),  // Amazon
    v6({0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254}, 128, metadata),   // Google
    v6({0xfc00}, 7, private_use),
    v6({0xfe80}, 10, link_local),
    v6({0xfec0}, 10, private_use),  // site local, no longer used
    v6({0xff00}, 8, multicast),
};

Address ipv4_at(Address const& address, std::size_t offset, std::uint32_t mask = 0) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | address.bytes()[offset + i];
  return Address::v4(value ^ mask);
}

}  // namespace

AddressClass classify(Address const& address) {
  auto const first_of = [&](auto const& entries) {
    for (auto const& entry : entries)
      if (entry.network.contains(address)) return entry.kind;
    return global;
  };
  return address.is_v6() ? first_of(entries_v6) : first_of(entries_v4);
}

std::string_view name_of(AddressClass kind) {
  switch (kind) {
    case global:
      return "global";
    case this_network:
      return "this_network";
    case loopback:
      return "loopback";
    case private_use:
      return "private_use";
    case shared:
      return "shared";
    case link_local:
      return "link_local";
    case metadata:
      return "metadata";
    case documentation:
      return "documentation";
    case benchmarking:
      return "benchmarking";
    case protocol:
      return "protocol";
    case translation:
      return "translation";
    case multicast:
      return "multicast";
    case reserved:
      return "reserved";
  }
  return "unknown";
}

std::optional<Address> embedded_ipv4(Address const& address) {
  if (classify(address) != translation) return std::nullopt;  // :: and ::1 stand for themselves
  static constexpr std::array last_four = {
      v6({}, 96, translation).network,
      v6({0, 0, 0, 0, 0, 0xffff}, 96, translation).network,
      v6({0, 0, 0, 0, 0xffff}, 96, translation).network,
      v6({0x64, 0xff9b}, 96, translation).network,
  };
  for (auto const& network : last_four)
    if (network.contains(address)) return ipv4_at(address, 12);
  if (v6({0x2002}, 16, translation).network.contains(address)) return ipv4_at(address, 2);
  // Teredo keeps the client's address inverted.
  if (v6({0x2001}, 32, translation).network.contains(address))
    return ipv4_at(address, 12, 0xffffffff);
  return std::nullopt;
}

}  // namespace dalsegno::http
