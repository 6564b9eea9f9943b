#include "activities/model/dialect.h"

#include <algorithm>
#include <utility>

namespace dalsegno::activities {

Json read_arguments(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Json(Json::Object{});
  auto json = parse_json(text);
  return json ? std::move(*json) : Json(text);
}

std::string write_arguments(Json const& arguments) {
  if (auto const* const text = arguments.as_string()) return *text;
  return canonical(arguments);
}

std::vector<ToolSpec> in_order(std::vector<ToolSpec> tools) {
  std::ranges::sort(tools, {}, &ToolSpec::name);
  return tools;
}

std::optional<std::string> text_of_parts(Json const* value) {
  if (value == nullptr) return std::nullopt;
  if (auto const* const text = value->as_string()) return *text;
  auto const* const parts = value->as_array();
  if (parts == nullptr) return std::nullopt;
  std::optional<std::string> whole;
  for (auto const& part : *parts) {
    if (auto const* const text = part.as_string())
      whole = whole.value_or("") + *text;
    else if (auto const* const member = part.find("text"); member != nullptr && member->as_string())
      whole = whole.value_or("") + *member->as_string();
  }
  return whole;
}

void set_extra(Json& body, Json const& extra) {
  auto const* const members = extra.as_object();
  if (members == nullptr) return;
  for (auto const& [name, value] : *members) body.set(name, value);
}

ModelFault truncated_answer(std::string_view what) {
  return {.type = std::string(fault::truncated),
          .message = "the stream ended before the answer did: " + std::string(what),
          .retryable = true,
          .retry_after = {},
          .status = 0};
}

ModelFault empty_answer(std::string_view what) {
  return {.type = std::string(fault::empty_answer),
          .message = std::string(what),
          .retryable = true,
          .retry_after = {},
          .status = 0};
}

}  // namespace dalsegno::activities
