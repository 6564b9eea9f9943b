#pragma once

#include <string_view>

namespace dalsegno::engine {

/// Whether `pattern` contains `*` or `?`, so that it may match more than itself.
[[nodiscard]] bool is_glob(std::string_view pattern);

/// Whether `pattern` matches all of `text`: `*` stands for any characters, also none; `?` for one
/// character (a UTF-8 sequence counts as one); every other character for itself, case included.
/// There is no escape. Time: at most the product of the two lengths, whatever the pattern; no
/// allocation. Thread: any.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace dalsegno::engine
