#include "activities/tool/mcp/elicitation.h"

#include <utility>

namespace dalsegno::mcp {

Json decline() {
  Json result;
  result.set("action", "decline");
  return result;
}

Json accept_defaults(Json const& params) {
  Json result;
  result.set("action", "accept").set("content", Json(Json::Object{}));
  return with_defaults(std::move(result), params);
}

Json with_defaults(Json result, Json const& params) {
  if (result.text("action") != "accept") return result;
  auto const* const given = result.find("content");
  Json content = given != nullptr && given->as_object() != nullptr ? *given : Json(Json::Object{});
  auto const* const schema = params.find("requestedSchema");
  auto const* const properties = schema == nullptr ? nullptr : schema->find("properties");
  if (properties != nullptr && properties->as_object() != nullptr)
    for (auto const& [name, property] : *properties->as_object())
      if (auto const* const value = property.find("default");
          value != nullptr && content.find(name) == nullptr)
        content.set(name, *value);
  result.set("content", std::move(content));
  return result;
}

}  // namespace dalsegno::mcp
