#pragma once

#include "activities/model/budget/budget.h"
#include "activities/model/routing/route_rules.h"
#include "dalsegno/model.h"
#include "dalsegno/result.h"
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
  std::string model;
  std::string system;
  std::uint32_t checkpoint_every = 4;
  std::vector<std::string> tools;
};

/// What is promised of an agent's answers.
struct Slo {
  std::string agent;
  std::optional<double> first_token_seconds;
  std::optional<double> answer_seconds;
  double share = 0.99;  ///< of answers that keep it
};

/// A tool server: a program to start, or a place to ask.
struct Tool {
  std::vector<std::string> command;
  std::string url;
};

/// What dalsegno.toml says (docs/configuration.md). Names that it mentions are all there.
struct Config {
  std::map<std::string, Endpoint> endpoints;
  std::map<std::string, Model> models;
  std::map<std::string, activities::RouteRules> routes;
  std::map<std::string, Agent> agents;
  std::map<std::string, Slo> slos;
  std::map<std::string, Tool> tools;
  activities::BudgetLimits budgets;
};

/// Reads the text of a file that messages call `file`. Reads nothing else: no variable, no file.
/// Errors: Errc::invalid, "FILE:LINE: what", of the first thing that is wrong; for a key or a name
/// that there is not with the nearest one.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view file);

/// How an agent's model is called. Its keys are fetched now.
/// Errors: Errc::not_found for an agent that there is not; those of `fetch`.
[[nodiscard]] Result<model::Options> model_options_of(Config const& config, std::string_view agent);

}  // namespace dalsegno::config
