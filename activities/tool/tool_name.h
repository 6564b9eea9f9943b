#pragma once

#include <string>
#include <string_view>

namespace dalsegno::tools {

/// Whether model servers take a tool's name: 1 to 64 of a-z, A-Z, 0-9, '_' and '-'.
[[nodiscard]] bool is_tool_name(std::string_view name);

/// A name that they take: everything else becomes '_', and what is too long is cut off.
[[nodiscard]] std::string tool_name_of(std::string_view text);

}  // namespace dalsegno::tools
