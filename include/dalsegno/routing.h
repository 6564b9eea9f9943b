#pragma once

// Several models behind one name, and for each call the one that its risk and complexity want
// (docs/routing.md).
//
//   ds::model::Routing routing;
//   routing.rules = {.name = "desk", .candidates = {{.name = "small"}, {.name = "large", .tier =
//   2}},
//                    .bands = {{.from = 0}, {.from = 0.6, .tier = 2}}};
//   routing.models = {{"small", small}, {"large", large}};
//   auto added = ds::model::add_routed_model(registry, store, routing);

#include "dalsegno/activity.h"
#include "dalsegno/model.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/store.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dalsegno::model {

/// One model that calls may go to.
struct RouteCandidate {
  std::string name = {};             ///< in policy, log and configuration
  std::uint32_t tier = 0;            ///< how much it can: a stronger model has a higher one
  bool tools = true;                 ///< it can call tools
  std::uint64_t context_tokens = 0;  ///< prompt and answer together; 0: no bound
  std::vector<std::string> data_classes = {};  ///< that it may see; empty: all
  // USD for a million tokens.
  double input_usd = 0;
  double cached_usd = 0;
  double output_usd = 0;
  double prefill_tokens_per_second = 8'000;
  double output_tokens_per_second = 50;
};

/// A request at least as complex as `from` (0 to 1) wants a model of `tier` or higher.
struct RouteBand {
  double from = 0;
  std::uint32_t tier = 0;
};

/// What a request's surroundings add to its complexity.
struct RouteRaises {
  double failure = 0.1;     ///< for each failed call in a row
  double repetition = 0.1;  ///< for each call that the session has made before
  double tool = 0;          ///< for each tool that is offered
  double schema_kib = 0;    ///< for each KiB of their schemas
  double turn = 0;          ///< for each turn before it
};

/// How calls are routed: configuration, and nothing that changes.
struct RouteRules {
  std::string name = {};
  std::vector<RouteCandidate> candidates = {};
  /// The least tier for what the session's tools can do at worst; of several that hold the highest
  /// counts. What is riskier than a named risk has its floor too, as has what is undeclared, which
  /// counts as the riskiest.
  std::map<Risk, std::uint32_t> floors = {};
  std::vector<RouteBand> bands = {};  ///< rising
  RouteRaises raises = {};
  double calls_ahead = 4;  ///< over so many more calls of the session a cheaper model must pay off
  double second_usd = 0;   ///< what waiting a second counts
};

struct Routing {
  RouteRules rules = {};
  std::map<std::string, Options> models = {};  ///< of every candidate, by its name
  /// What the tools that the model is offered can do at worst.
  Risk risk = Risk::undeclared;
};

/// Registers the models under the name of the rules: workflows call that. Each call goes to the
/// model that docs/routing.md says, and the record of its answer says why: what was asked, and
/// every model with its cost and why it was not taken. A session's model is known from its log, so
/// another process goes on with it.
///
/// Policy is asked about the rules' name, and about each model by its own name ("model.call"):
/// one that is denied is not taken. Where no model is left, the call fails with "no_route":
/// repeated if one of them only takes no calls now. Other failures are those of add_model.
/// Errors: Errc::invalid for wrong rules, or a candidate without a model; those of add_model.
[[nodiscard]] Result<> add_routed_model(Registry& registry,
                                        Store const& store,
                                        Routing const& routing);

}  // namespace dalsegno::model
