#pragma once

#include <optional>
#include <string_view>

namespace dalsegno::storage {

/// The double nearest to `number`, which must follow JSON's grammar; ties go to even, what is too
/// small becomes a subnormal or a zero of its sign. Nothing if it overflows.
[[nodiscard]] std::optional<double> nearest_double(std::string_view number);

}  // namespace dalsegno::storage
