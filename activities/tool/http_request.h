#pragma once

#include "activities/http/message.h"
#include "dalsegno/http_tools.h"
#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <expected>
#include <string>
#include <vector>

namespace dalsegno::tools {

/// The names in braces in a URL, in their order.
[[nodiscard]] std::vector<std::string> placeholders(std::string_view url);

/// Where an argument of the tool goes.
[[nodiscard]] HttpPlace place_of(HttpTool const& tool, std::string_view argument);

/// The request for arguments that fit the tool's schema; or what is wrong with them, for a model.
/// Pure.
[[nodiscard]] std::expected<http::Request, std::string> request_for(HttpTool const& tool,
                                                                    Json const& arguments);

}  // namespace dalsegno::tools
