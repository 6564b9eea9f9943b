#pragma once

#include "activities/model/budget/budget.h"
#include "activities/model/routing/route_rules.h"
#include "dalsegno/agent.h"
#include "dalsegno/http_tools.h"
#include "dalsegno/model.h"
#include "dalsegno/result.h"
#include "dalsegno/tools.h"
#include "tools/dalsegno/config/secret_reference.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::config {

/// One place that serves a model. `endpoint` has no key: where it is, says `api_key`.
struct Endpoint {
  model::Endpoint endpoint;
  std::optional<SecretReference> api_key;
};

struct Model {
  std::vector<std::string> endpoints;
  activities::RouteCandidate candidate;  ///< as routes see it, with its prices
  std::optional<double> temperature;
  std::optional<std::uint64_t> max_tokens;
};

struct Agent {
  std::string model;  ///< or
  std::string route;
  std::string system;
  std::uint32_t checkpoint_every = 4;
  std::vector<std::string> tools;
  std::optional<agent::ContextOptions> context;  ///< nothing: conversations are kept whole

  /// By which its sessions call their model.
  [[nodiscard]] std::string const& calls() const { return route.empty() ? model : route; }
};

/// When it is said that a promise is being broken: two windows up to now, and the budget of what
/// may be broken within a period.
struct SloWindows {
  double short_seconds = 300;
  double long_seconds = 3'600;
  double period_days = 30;
  std::optional<double> factor = {};  ///< of the budget's even use; nothing: 2 % in the long window
};

/// What is promised of an agent's answers.
struct Slo {
  std::string agent;
  std::optional<double> first_token_seconds;
  std::optional<double> answer_seconds;
  std::optional<double> error_share;       ///< at most so many turns fail
  std::optional<double> recovery_seconds;  ///< after an endpoint was lost
  double share = 0.99;                     ///< that keep the limits of time
  SloWindows windows;
};

/// How many calls of the tools of one section are made, together: at once, and in how long.
struct CallLimits {
  std::uint64_t concurrency = 0;  ///< 0: no limit
  std::uint64_t rate = 0;         ///< calls that begin within `rate_seconds`; 0: no limit
  double rate_seconds = 1;

  [[nodiscard]] bool has_any() const { return concurrency > 0 || rate > 0; }
};

/// An MCP server. Its options have no secrets: where these are, say the other members.
struct Tool {
  tools::McpOptions server;
  std::map<std::string, SecretReference> variables;  ///< of a program's environment
  std::optional<SecretReference> token;
  CallLimits limits = {};
};

/// An HTTP service whose requests are tools: one that is written down, or those of an OpenAPI
/// document. Its options have no secrets: where these are, says `secrets`.
struct HttpService {
  tools::HttpToolsOptions options;
  std::map<std::string, SecretReference> secrets;  ///< headers
  std::filesystem::path document = {};             ///< "": `options` has the tool
  tools::OpenApiOptions openapi = {};
  CallLimits limits = {};
};

/// What dalsegno.toml says (docs/configuration.md). Names that it mentions are all there.
struct Config {
  std::map<std::string, Endpoint> endpoints;
  std::map<std::string, Model> models;
  std::map<std::string, activities::RouteRules> routes;
  std::map<std::string, Agent> agents;
  std::map<std::string, Slo> slos;
  std::map<std::string, Tool> tools;
  std::map<std::string, HttpService> services;  ///< [http_tools] and [openapi]
  activities::BudgetLimits budgets;
};

/// Reads the text of a file that messages call `file`. Reads nothing else: no variable, no file.
/// Errors: Errc::invalid, "FILE:LINE: what", of the first thing that is wrong; for a key or a name
/// that there is not with the nearest one.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view file);

}  // namespace dalsegno::config
