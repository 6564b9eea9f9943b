#pragma once

#include "dalsegno/json.h"

#include <compare>

namespace dalsegno::schema {

// Numbers as JSON Schema sees them: by their mathematical value, whatever their kind (1 is 1.0).
// Both must be numbers.

[[nodiscard]] std::strong_ordering compare_numbers(Json const& a, Json const& b);
[[nodiscard]] bool is_integer(Json const& number);
/// Whether `number` is a multiple of `divisor`, which is above 0: in decimal, as both are written,
/// so that 0.3 is one of 0.1.
[[nodiscard]] bool is_multiple(Json const& number, Json const& divisor);

}  // namespace dalsegno::schema
