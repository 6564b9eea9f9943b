#pragma once

#include "activities/model/routing/complexity.h"
#include "activities/model/routing/route_rules.h"
#include "dalsegno/activity.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// All that a decision depends on beside the rules: it can be recorded, and decided again.
struct RouteRequest {
  std::string text = {};  ///< what is asked: the newest message
  std::uint64_t prompt_tokens = 0;
  std::uint64_t output_tokens = 0;  ///< expected
  std::uint32_t tools = 0;          ///< offered
  std::uint64_t schema_bytes = 0;   ///< of their parameters
  Risk risk = Risk::read;           ///< what they can do at worst
  std::string data_class = {};      ///< of what is in the prompt; "": none
  std::uint32_t turn = 1;
  std::uint32_t failures = 0;     ///< failed calls in a row
  std::uint32_t repetitions = 0;  ///< calls that are equal to one before
  std::optional<double> deadline_seconds = {};
  std::optional<double> budget_usd = {};        ///< that is left
  std::string model = {};                       ///< where the session is; "": nowhere yet
  std::uint64_t warm_tokens = 0;                ///< of the prompt, in that model's cache
  std::vector<std::string> not_permitted = {};  ///< models that policy forbids
  std::vector<std::string> unhealthy = {};      ///< models that take no calls now
};

/// Why a model was not taken, in the order in which that is asked.
enum class RouteRejection : std::uint8_t {
  not_permitted,       ///< by policy
  data_class,          ///< may not see it
  no_tools,            ///< cannot call any
  context,             ///< too small
  deadline,            ///< too slow
  budget,              ///< too dear for what is left
  below_risk_floor,    ///< too weak for what the tools can do
  below_band,          ///< too weak for the request
  unhealthy,           ///< takes no calls now
  gain_below_prefill,  ///< cheaper, but not by what the session's warm prefix would cost again
  costlier,
};
[[nodiscard]] std::string_view name_of(RouteRejection rejection);

enum class RouteBinding : std::uint8_t {
  first,  ///< the session was nowhere yet
  kept,   ///< it stays
  moved,
  none,  ///< no model is left
};
[[nodiscard]] std::string_view name_of(RouteBinding binding);

/// What a call of one model would cost.
struct RoutedCandidate {
  std::string name;
  std::uint32_t tier = 0;
  double call_usd = 0;     ///< with the session's prefix in its cache
  double prefill_usd = 0;  ///< more, for the prefix that it lacks and the session's model has
  double total_usd = 0;    ///< this call and those ahead; what is compared
  double seconds = 0;      ///< of this call
  std::optional<RouteRejection> rejected = {};  ///< nothing: it was taken
};

struct RouteDecision {
  std::string model = {};  ///< "": none
  RouteBinding binding = RouteBinding::none;
  bool degraded = false;  ///< below its band, as nothing stronger is left
  ComplexityScore text = {};
  double complexity = 0;  ///< the text's share and what was added to it, at most 1
  std::uint32_t floor_tier = 0;
  std::uint32_t band_tier = 0;
  std::vector<RoutedCandidate> candidates = {};  ///< every model, in the order of the rules
  std::string rules = {};                        ///< their name
  std::string weights = {};                      ///< version of the complexity model
};

/// The model for a call: eligible (policy, data, tools, context, deadline, budget), at or above the
/// floor of its risk, at or above the band of its complexity, and of these the cheapest that is
/// healthy. A session leaves its model for a cheaper one only if what that saves over the calls
/// ahead is more than prefilling its warm prefix anew. When nothing in the band is left, the
/// strongest below it is taken, never one below the floor.
///
/// `rules` have passed `check`. Pure: the same values give the same decision.
/// Source: docs/routing.md.
[[nodiscard]] RouteDecision decide_route(RouteRules const& rules,
                                         ComplexityModel const& complexity,
                                         RouteRequest const& request);

}  // namespace dalsegno::activities
