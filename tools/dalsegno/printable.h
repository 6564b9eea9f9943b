#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::command {

enum class Lines : std::uint8_t { keep, escape };

/// `text` so that it can be shown: control characters (a recorded text must not move anybody's
/// cursor) as "\n", "\t",
/// "\x1b"; what is not UTF-8 as U+FFFD. `Lines::keep` leaves line feeds as they are.
[[nodiscard]] std::string printable(std::string_view text, Lines lines = Lines::escape);

/// At most `limit` characters of `text`, printable, with "…" where the rest was.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t limit);

/// One line of JSON; strings that are not UTF-8 are mended first.
[[nodiscard]] std::string json_line(Json value);

}  // namespace dalsegno::command
