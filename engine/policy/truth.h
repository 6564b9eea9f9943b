#pragma once

#include <cstdint>

namespace dalsegno::engine {

/// What came of a condition. `failed`: it could not be evaluated (something is absent, or of
/// another kind than it must be).
enum class Truth : std::uint8_t { no, yes, failed };

[[nodiscard]] constexpr Truth truth_of(bool value) { return value ? Truth::yes : Truth::no; }

}  // namespace dalsegno::engine
