#pragma once

#include "activities/http/address.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace dalsegno::http {

/// What an address is for. All but `global` are denied unless a rule names them.
enum class AddressClass : std::uint8_t {
  global,
  this_network,  ///< 0.0.0.0/8, ::
  loopback,
  private_use,  ///< RFC 1918, unique local, site local
  shared,       ///< carrier-grade NAT, 100.64.0.0/10
  link_local,
  metadata,  ///< where a cloud hands out its machines' credentials
  documentation,
  benchmarking,
  protocol,     ///< set aside by the IETF for protocols
  translation,  ///< an IPv6 address that stands for an IPv4 address
  multicast,
  reserved,  ///< 240.0.0.0/4 with broadcast, discard-only, segment routing
};

/// Thread: any; a pure function.
/// Source: the IANA IPv4 and IPv6 special-purpose address registries, and what clouds document of
/// their metadata services.
[[nodiscard]] AddressClass classify(Address const& address);

/// The enumerator's name.
[[nodiscard]] std::string_view name_of(AddressClass kind);

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, translated (SIIT), NAT64
/// (64:ff9b::/96), 6to4, Teredo (its client). Nothing for any other.
[[nodiscard]] std::optional<Address> embedded_ipv4(Address const& address);

}  // namespace dalsegno::http
