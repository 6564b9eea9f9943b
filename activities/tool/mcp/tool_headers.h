#pragma once

#include "activities/http/message.h"
#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <string>
#include <vector>

namespace dalsegno::mcp {

/// An argument of a tool that is also said in a header, so that gateways can see it.
struct HeaderParameter {
  std::vector<std::string> path;  ///< in the arguments
  std::string header;             ///< "Mcp-Param-…"
};

/// What the annotations "x-mcp-header" of an input schema ask for.
/// Errors: Errc::invalid: the tool may not be used then (revision 2026-07-28, "Custom headers").
[[nodiscard]] Result<std::vector<HeaderParameter>> read_header_parameters(Json const& input_schema);

/// The headers for a call with these arguments; an argument that is not there has none.
[[nodiscard]] std::vector<http::Header> write_header_parameters(
    std::vector<HeaderParameter> const& parameters, Json const& arguments);

/// A value as it may stand in a header: as it is, or "=?base64?…?=".
[[nodiscard]] std::string header_value(std::string_view text);

}  // namespace dalsegno::mcp
