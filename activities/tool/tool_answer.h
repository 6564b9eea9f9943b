#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <optional>
#include <string>

namespace dalsegno::tools {

/// The answer of a tool as a model is given it.
struct ToolAnswer {
  std::string content;
  bool is_error = false;
};

/// Leaves at most `max_bytes` of a text, no character in two; the last line says so then.
void cut_content(std::string& text, std::size_t max_bytes);

/// Reads the result of tools/call: structured content as canonical JSON; else its texts, one after
/// the other, and for what is no text a line that says what it is. At most `max_bytes`; where more
/// was there, the last line says so. Nothing when it is no such result.
[[nodiscard]] std::optional<ToolAnswer> read_answer(Json const& result, std::size_t max_bytes);

}  // namespace dalsegno::tools
