#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace dalsegno::engine {

/// The word of `known` that was probably meant by `word`: the fewest letters inserted, removed,
/// replaced or swapped with a neighbour, and no more of these than a third of the longer word (but
/// one is always allowed). The first of equals; nullopt when none is near. The result is a view
/// into `known`. Limits: words beyond 64 bytes are near to nothing. Thread: any.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<std::string_view const> known);

}  // namespace dalsegno::engine
