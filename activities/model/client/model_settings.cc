#include "activities/model/client/model_settings.h"

#include "activities/model/messages_dialect.h"
#include "dalsegno/try.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace dalsegno::activities {
namespace {

using model::Endpoint;
using model::Tool;

Error wrong(std::string const& what, std::string const& why) {
  return Error{Errc::invalid, what + ": " + why};
}

Result<std::vector<ToolSpec>> read_tools(std::vector<Tool> const& tools) {
  std::vector<ToolSpec> specs;
  std::set<std::string> names;
  for (auto const& tool : tools) {
    bool const is_name =
        !tool.name.empty() && tool.name.size() <= 64 && std::ranges::all_of(tool.name, [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-';
        });
    if (!is_name)
      return wrong("tool \"" + tool.name + "\"",
                   "a name has 1 to 64 of a-z, A-Z, 0-9, '_' and '-': servers take no other");
    if (tool.name == json_answer_tool || !names.insert(tool.name).second)
      return wrong("tool \"" + tool.name + "\"", "the name is taken");
    if (!tool.parameters.is_null() && tool.parameters.as_object() == nullptr)
      return wrong("tool \"" + tool.name + "\"", "its parameters are no JSON Schema of an object");
    specs.push_back({tool.name, tool.description, tool.parameters});
  }
  return in_order(std::move(specs));
}

Result<ToolChoice> read_choice(model::Options const& options) {
  using Mode = ToolChoice::Mode;
  if (options.tool_choice == "auto") return ToolChoice{Mode::automatic, ""};
  if (options.tool_choice == "none") return ToolChoice{Mode::none, ""};
  if (options.tool_choice == "required") return ToolChoice{Mode::required, ""};
  if (std::ranges::find(options.tools, options.tool_choice, &Tool::name) == options.tools.end())
    return wrong("tool_choice",
                 "\"" + options.tool_choice +
                     "\" is neither \"auto\", \"none\", \"required\" nor the name of a tool");
  return ToolChoice{Mode::named, options.tool_choice};
}

}  // namespace

Result<std::vector<http::DialPlan>> check_endpoints(std::vector<Endpoint> const& endpoints) {
  if (endpoints.empty()) return wrong("the model", "it has no endpoint");
  std::vector<http::DialPlan> plans;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    auto const& endpoint = endpoints[i];
    auto const what = "endpoint " + std::to_string(i + 1) +
                      (endpoint.name.empty() ? "" : " (" + endpoint.name + ")");
    auto plan = http::DialPlan::parse(endpoint.url);
    if (!plan) return wrong(what, plan.error().detail);
    if (endpoint.url.contains('?')) return wrong(what, "its URL has a query");
    if (endpoint.model.empty()) return wrong(what, "it names no model");
    if (!std::ranges::all_of(endpoint.api_key, [](char c) { return c > 0x20 && c < 0x7f; }))
      return wrong(what, "its key has something other than printable ASCII");
    plans.push_back(std::move(*plan));
  }
  return plans;
}

Result<ModelCall> read_settings(model::Options const& options) {
  ModelCall call;
  TRY(call.tools, read_tools(options.tools));
  TRY(call.tool_choice, read_choice(options));
  call.parallel_tool_calls = options.parallel_tool_calls;
  if (!options.answer_schema.is_null()) {
    if (options.answer_schema.as_object() == nullptr)
      return wrong("answer_schema", "it is no JSON Schema of an object");
    call.format = {AnswerFormat::Kind::json_schema, "answer", options.answer_schema, true};
  } else if (options.json_answers) {
    call.format.kind = AnswerFormat::Kind::json_object;
  }
  for (auto const& [name, value] :
       {std::pair("temperature", options.temperature), std::pair("top_p", options.top_p)})
    if (value && !std::isfinite(*value)) return wrong(name, "it is no number");
  if (!options.extra.is_null() && options.extra.as_object() == nullptr)
    return wrong("extra", "it is no object");
  call.stream = options.stream;
  call.max_tokens = options.max_tokens;
  call.temperature = options.temperature;
  call.top_p = options.top_p;
  call.seed = options.seed;
  call.extra = options.extra;
  return call;
}

}  // namespace dalsegno::activities
