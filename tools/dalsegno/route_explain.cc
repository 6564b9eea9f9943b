#include "activities/model/routing/route_json.h"
#include "dalsegno/try.h"
#include "engine/policy/nearest.h"
#include "tools/dalsegno/config/names.h"
#include "tools/dalsegno/config_file.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace dalsegno::command {
namespace {

struct Options {
  std::string request;
  std::string config = "dalsegno.toml";
  std::string route;
};

using activities::RouteDecision;
using activities::RouteRules;

/// The route that was named, or the only one.
Result<RouteRules const*> route_of(config::Config const& config, Options const& options) {
  if (options.route.empty()) {
    if (config.routes.size() == 1) return &config.routes.begin()->second;
    return Error{Errc::invalid,
                 options.config + " has " + std::to_string(config.routes.size()) +
                     " routes; --route says which one is meant"};
  }
  if (auto const found = config.routes.find(options.route); found != config.routes.end())
    return &found->second;
  auto const near = engine::nearest(options.route, config::names_of(config.routes));
  return Error{Errc::not_found,
               options.config + ": there is no route " + printable(options.route) +
                   (near ? "; did you mean " + std::string(*near) + "?" : "")};
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

void tell(Globals const& globals, RouteDecision const& decision) {
  auto const headline = decision.model.empty()
                            ? std::string("no model is left")
                            : decision.model + " (" + std::string(name_of(decision.binding)) + ")";
  print(styled(globals, decision.model.empty() ? Style::bad : Style::good, printable(headline)));
  if (decision.degraded) print("    below its band: nothing stronger is left");
  print("    complexity " + number(decision.complexity) + " (the text alone " +
        number(decision.text.share) + "): tier " + std::to_string(decision.band_tier) +
        " or higher; risk: tier " + std::to_string(decision.floor_tier) + " or higher");
  std::string parts;
  for (auto const& [name, value] : decision.text.parts)
    parts += (parts.empty() ? "" : ", ") + name + " " + (value < 0 ? "" : "+") + number(value);
  if (!parts.empty()) print("    " + parts);
  Table table({"MODEL", "TIER", "CALL USD", "PREFILL USD", "TOTAL USD", "SECONDS", "WHY NOT"});
  for (auto const& candidate : decision.candidates)
    table.add({printable(candidate.name),
               std::to_string(candidate.tier),
               number(candidate.call_usd),
               number(candidate.prefill_usd),
               number(candidate.total_usd),
               number(candidate.seconds),
               candidate.rejected ? std::string(name_of(*candidate.rejected)) : "-"});
  table.print(globals);
}

Result<int> explain(Globals const& globals, Options const& options) {
  TRY(auto const config, read_config(options.config));
  TRY(auto const* const rules, route_of(config, options));
  TRY(auto const text, read_text(options.request));
  auto const request = activities::parse_route_request(text);
  if (!request) return Error{request.error().code, options.request + ": " + request.error().detail};
  auto const decision =
      activities::decide_route(*rules, activities::builtin_complexity(), *request);
  if (globals.json)
    print_json("dalsegno.route", activities::to_json_value(decision));
  else
    tell(globals, decision);
  return decision.model.empty() ? exit_findings : exit_fine;
}

}  // namespace

void add_route(CLI::App& app, Globals& globals) {
  auto* const route = app.add_subcommand("route", "explain which model a request goes to");
  route->require_subcommand(1);
  route->fallthrough();
  auto const options = std::make_shared<Options>();
  auto* const verb =
      route->add_subcommand("explain", "which model a request goes to, and why to no other");
  verb->add_option("REQUEST", options->request, "a file with a request (docs/routing.md)")
      ->required();
  verb->add_option("--config", options->config, "the configuration [dalsegno.toml]");
  verb->add_option("--route", options->route, "by which of its routes [the only one]");
  verb->callback([options, &globals] {
    auto const code = explain(globals, *options);
    globals.exit_code = code ? *code : fail(code.error());
  });
}

}  // namespace dalsegno::command
