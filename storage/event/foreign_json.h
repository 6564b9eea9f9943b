#pragma once

#include "dalsegno/json.h"

#include <string_view>

namespace dalsegno::storage {

/// Reads JSON that a stranger wrote, for example a model's arguments to a tool: as `parse_json`,
/// but a name may be there more than once; its last value counts and stands where the first one
/// stood (RFC 8259, section 4, leaves that to the reader). What is decided upon, recorded and sent
/// must then be made from the result, never from the text: another reader may take another value.
/// Errors: as `parse_json`.
[[nodiscard]] Result<Json> parse_foreign_json(std::string_view text);

}  // namespace dalsegno::storage
