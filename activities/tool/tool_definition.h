#pragma once

#include "activities/tool/mcp/client.h"
#include "activities/tool/schema/schema.h"
#include "dalsegno/result.h"
#include "dalsegno/tools.h"

#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::tools {

/// A tool with its schemas read.
struct Definition {
  McpTool tool;
  schema::Schema arguments;
  std::optional<schema::Schema> output;
};

/// Errors: Errc::invalid: its schema is none.
[[nodiscard]] Result<Definition> read_definition(McpTool tool);

/// What a server says of a tool; its digest is over all of that which reaches a model or decides
/// over a call: names, texts, schemas, annotations.
[[nodiscard]] McpTool describe(mcp::Tool const& tool, std::string_view prefix);

/// Which parts of two descriptions of one tool differ, for people.
[[nodiscard]] std::string differences(McpTool const& before, McpTool const& now);

}  // namespace dalsegno::tools
