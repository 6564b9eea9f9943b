#pragma once

#include "activities/http/address.h"
#include "activities/http/dial_plan.h"
#include "dalsegno/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::http {

/// One entry of "hosts".
struct HostPattern {
  enum class Kind : std::uint8_t {
    exact,   ///< this name
    suffix,  ///< "*.text": one label or more before it
    any,     ///< "*": names outside the special domains, and addresses
    address  ///< this address, as host of a URL
  };
  Kind kind = Kind::exact;
  std::string text;  ///< canonical: a name, or an address as DialPlan::host has it
  std::optional<Address> address;
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

/// One rule as it stands in a document.
struct EgressRule {
  std::string id;
  std::vector<HostPattern> hosts;
  std::vector<Network> addresses;
  std::vector<PortRange> ports;  ///< empty: the default port of the URL's scheme
  bool http = false;
  bool https = true;
};

/// Reads the rules of a document, checked.
/// Errors: as EgressRules::parse.
[[nodiscard]] Result<std::vector<EgressRule>> parse_egress_document(std::string_view json,
                                                                    std::string_view file);

}  // namespace dalsegno::http
