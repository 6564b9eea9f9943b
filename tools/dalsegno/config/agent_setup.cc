#include "tools/dalsegno/config/agent_setup.h"

#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "tools/dalsegno/config/names.h"
#include "tools/dalsegno/config/table_reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace dalsegno::config {
namespace {

Result<std::string> fetch_for(std::string const& whose, SecretReference const& reference) {
  auto secret = fetch(reference);
  if (!secret) return Error{secret.error().code, whose + ": " + secret.error().detail};
  return secret;
}

Result<model::Options> options_of(Config const& config, std::string const& name) {
  auto const& model = config.models.at(name);
  model::Options options;
  options.name = name;
  options.temperature = model.temperature;
  options.max_tokens = model.max_tokens;
  auto const& price = model.candidate;
  if (price.input_usd > 0 || price.output_usd > 0)
    options.price = model::Price{price.input_usd, price.cached_usd, price.output_usd};
  for (auto const& endpoint_name : model.endpoints) {
    auto const& [endpoint, key] = config.endpoints.at(endpoint_name);
    options.endpoints.push_back(endpoint);
    if (!key) continue;
    TRY(options.endpoints.back().api_key, fetch_for("endpoint " + endpoint_name, *key));
  }
  return options;
}

Result<tools::McpOptions> server_of(Config const& config, std::string const& name) {
  auto const& [server, variables, token, limits] = config.tools.at(name);
  auto options = server;
  for (auto const& [variable, reference] : variables) {
    TRY(auto value, fetch_for("tools " + name, reference));
    options.process.secrets.emplace_back(variable, std::move(value));
  }
  if (token) {
    TRY(options.endpoint.token, fetch_for("tools " + name, *token));
  }
  return options;
}

Result<std::string> read_document(std::filesystem::path const& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{Errc::not_found, file.string() + ": there is no such file"};
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<tools::HttpToolsOptions> service_of(Config const& config, std::string const& name) {
  auto const& service = config.services.at(name);
  auto options = service.options;
  if (!service.document.empty()) {
    TRY(auto const document, read_document(service.document));
    auto read = tools::read_openapi(document, service.openapi);
    if (!read)
      return Error{read.error().code, service.document.string() + ": " + read.error().detail};
    options.tools = std::move(*read);
  }
  for (auto const& [header, reference] : service.secrets) {
    TRY(auto value, fetch_for("tools " + name, reference));
    options.secrets.push_back({header, std::move(value)});
  }
  return options;
}

/// What is undeclared counts as the riskiest.
Risk worse(Risk a, Risk b) {
  if (a == Risk::undeclared || b == Risk::undeclared) return Risk::undeclared;
  return std::max(a, b);
}

/// Names of queues have at most 64 bytes, and are all different.
std::string queue_name(std::string const& section) {
  constexpr std::size_t longest = 64;
  constexpr std::size_t digits = 16;
  auto name = "tools." + section;
  if (name.size() <= longest) return name;
  return name.substr(0, longest - digits - 1) + "-" +
         storage::to_hex(storage::sha256({section})).substr(0, digits);
}

}  // namespace

std::optional<QueueOptions> queue_of(ToolLimits const& limits,
                                     std::vector<model::Tool> const& tools) {
  if (!limits.limits.has_any() || tools.empty()) return std::nullopt;
  QueueOptions queue;
  queue.name = queue_name(limits.section);
  for (auto const& tool : tools) queue.calls.push_back("tool/" + tool.name);
  queue.concurrency = limits.limits.concurrency;
  queue.rate = {static_cast<std::size_t>(limits.limits.rate),
                std::chrono::milliseconds(std::llround(limits.limits.rate_seconds * 1'000))};
  return queue;
}

Result<AgentSetup> set_up(Config const& config, std::string_view agent) {
  auto const found = config.agents.find(std::string(agent));
  if (found == config.agents.end())
    return Error{
        Errc::not_found,
        "there is no agent " + std::string(agent) + suggestion(agent, names_of(config.agents))};
  auto const& wanted = found->second;
  AgentSetup setup;
  setup.system = wanted.system;
  setup.checkpoint_every = wanted.checkpoint_every;
  setup.name = wanted.calls();
  if (wanted.route.empty()) {
    TRY(setup.models[wanted.model], options_of(config, wanted.model));
  } else {
    setup.route = config.routes.at(wanted.route);
    for (auto const& candidate : setup.route->candidates) {
      TRY(setup.models[candidate.name], options_of(config, candidate.name));
    }
  }
  setup.context = wanted.context;
  if (setup.context && !setup.context->summarizer.empty()) {
    TRY(setup.summarizer, options_of(config, setup.context->summarizer));
    setup.context->summarizer += "/summaries";  // the agent's model may be the same, and call tools
    setup.summarizer->name = setup.context->summarizer;
    setup.summarizer->tool_choice = "none";
  }
  for (auto const& name : wanted.tools) {
    if (config.services.contains(name)) {
      TRY(auto service, service_of(config, name));
      for (auto const& tool : service.tools) setup.risk = worse(setup.risk, tool.options.risk);
      setup.services.push_back(std::move(service));
      setup.service_limits.push_back({name, config.services.at(name).limits});
      continue;
    }
    TRY(auto server, server_of(config, name));
    bool const is_each_known =
        !server.only.empty() && std::ranges::all_of(server.only, [&](std::string const& tool) {
          return server.each_tool.contains(tool);
        });
    if (!is_each_known) setup.risk = worse(setup.risk, server.every_tool.risk);
    for (auto const& [tool, known] : server.each_tool) setup.risk = worse(setup.risk, known.risk);
    setup.tools.push_back(std::move(server));
    setup.tool_limits.push_back({name, config.tools.at(name).limits});
  }
  return setup;
}

}  // namespace dalsegno::config
