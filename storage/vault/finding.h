#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dalsegno::vault {

/// Why a finding is believed. Where findings meet, the better one names the kind.
enum class Evidence : std::uint8_t {
  bare,     ///< the shape fits, its check digits fit, and the text is little more than the value
  shape,    ///< the shape and, where there are any, the check digits fit
  context,  ///< and words beside it say what it is
  field,    ///< it is assigned to a name that says what it is
  format,   ///< a token format with a literal of its own
  known,    ///< the runtime itself handed this value out
};

/// A part of a text that has to go.
struct Finding {
  std::size_t begin = 0;  ///< bytes from the start of the text
  std::size_t end = 0;    ///< behind the last byte
  std::string kind;       ///< as in the token: "github_pat", "payment_card"
  std::string
      category;  ///< what the kind belongs to: "secret", "payment_card", "national_id:pl_pesel"
  Evidence evidence = Evidence::shape;

  friend bool operator==(Finding const&, Finding const&) = default;
};

/// Sorts by position and joins what overlaps: the result covers the same bytes, is disjoint, and
/// each part has the kind of the best evidence in it (the longer one of equals).
[[nodiscard]] std::vector<Finding> join(std::vector<Finding> findings);

}  // namespace dalsegno::vault
