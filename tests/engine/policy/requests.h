#pragma once

#include "engine/policy/policy.h"

#include <string_view>

namespace dalsegno::engine::test {

inline constexpr Time noon = Time(std::chrono::seconds(1'795'348'800));  // 2026-11-22T12:00:00Z

inline PolicyRequest tool_call(std::string_view tool) {
  return {.principal = {.kind = "workflow", .id = "clerk", .tenant = "default"},
          .action = "tool.call",
          .resource = tool,
          .session = "s1",
          .workflow = "agent",
          .attempt = 1};
}

inline PolicyRequest model_call(std::string_view model) {
  auto request = tool_call(model);
  request.action = "model.call";
  return request;
}

inline Decision decide(PolicySet const& set, PolicyRequest const& request) {
  return set.decide(request, PolicyTime(noon));
}

}  // namespace dalsegno::engine::test
