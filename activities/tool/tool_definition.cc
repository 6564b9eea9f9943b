#include "activities/tool/tool_definition.h"

#include "activities/tool/mcp/fault.h"
#include "activities/tool/tool_name.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"

#include <utility>

namespace dalsegno::tools {
Result<Definition> read_definition(McpTool tool) {
  auto arguments = schema::Schema::read(tool.parameters);
  if (!arguments)
    return Error{Errc::invalid,
                 "its input schema " + mcp::presentable(arguments.error().detail, 300)};
  std::optional<schema::Schema> output;
  if (!tool.output.is_null()) {
    auto read = schema::Schema::read(tool.output);
    if (!read)
      return Error{Errc::invalid,
                   "its output schema " + mcp::presentable(read.error().detail, 300)};
    output = std::move(*read);
  }
  return Definition{std::move(tool), std::move(*arguments), std::move(output)};
}

McpTool describe(mcp::Tool const& tool, std::string_view prefix) {
  McpTool out;
  out.origin = tool.name;
  out.name = tool_name_of(std::string(prefix) + tool.name);
  out.description = tool.definition.text("description");
  if (auto const* const schema = tool.definition.find("inputSchema")) out.parameters = *schema;
  if (auto const* const schema = tool.definition.find("outputSchema")) out.output = *schema;
  Json said;
  for (std::string_view const part :
       {"name", "title", "description", "inputSchema", "outputSchema", "annotations"})
    if (auto const* const value = tool.definition.find(part)) said.set(part, *value);
  out.digest = storage::to_hex(storage::sha256({"dalsegno/mcp-tool/1 ", canonical(said)}));
  return out;
}

std::string differences(McpTool const& before, McpTool const& now) {
  std::string out;
  auto const add = [&](std::string_view what) {
    out += out.empty() ? "" : ", ";
    out += what;
  };
  if (before.description != now.description) add("description");
  if (canonical(before.parameters) != canonical(now.parameters)) add("parameters");
  if (canonical(before.output) != canonical(now.output)) add("output");
  return out.empty() ? "title or annotations" : out;
}

}  // namespace dalsegno::tools
