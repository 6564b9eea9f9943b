#pragma once

#include "dalsegno/activity.h"
#include "dalsegno/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

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

/// Errors: Errc::invalid: no candidate, two of one name, a number out of its range, bands that do
/// not rise.
[[nodiscard]] Result<> check(RouteRules const& rules);

}  // namespace dalsegno::activities
