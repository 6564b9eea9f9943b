#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::schema {

/// A URI reference cut at its fragment.
struct UriReference {
  std::string uri;       ///< without the fragment
  std::string fragment;  ///< without '#', percent-decoded
};

/// `reference` relative to `base` (RFC 3986, section 5.2), as names are compared: nothing is
/// fetched, so nothing is checked.
[[nodiscard]] UriReference resolve(std::string_view base, std::string_view reference);

}  // namespace dalsegno::schema
