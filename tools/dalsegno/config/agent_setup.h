#pragma once

#include "dalsegno/activity.h"
#include "dalsegno/agent.h"
#include "dalsegno/model.h"
#include "dalsegno/queues.h"
#include "dalsegno/result.h"
#include "dalsegno/routing.h"
#include "dalsegno/tools.h"
#include "tools/dalsegno/config/config.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::config {

/// The limits of one section of tools, which has a queue of its own.
struct ToolLimits {
  std::string section;
  CallLimits limits;
};

/// All that an agent of a configuration works with, secrets included.
struct AgentSetup {
  std::string name;    ///< of the model or route, for workflow, policy and log
  std::string system;  ///< the system message; "": none
  std::uint32_t checkpoint_every = 4;
  std::map<std::string, model::Options> models;  ///< one, or those of the route
  std::optional<model::Options> summarizer;      ///< a model of its own
  std::optional<agent::ContextOptions> context;
  std::optional<model::RouteRules> route;
  std::vector<tools::McpOptions> tools;
  std::vector<tools::HttpToolsOptions> services;
  // Of `tools` and `services`, in their order.
  std::vector<ToolLimits> tool_limits;
  std::vector<ToolLimits> service_limits;
  Risk risk = Risk::read;  ///< the worst of the tools'
};

/// The queue in which the calls of these tools wait; nothing where they have no limits.
[[nodiscard]] std::optional<QueueOptions> queue_of(ToolLimits const& limits,
                                                   std::vector<model::Tool> const& tools);

/// Fetches the agent's secrets now, and those of nobody else; reads its OpenAPI documents.
/// Errors: Errc::not_found for an agent or a file that there is not; those of `fetch` and
/// `read_openapi`, saying whose they are.
[[nodiscard]] Result<AgentSetup> set_up(Config const& config, std::string_view agent);

}  // namespace dalsegno::config
