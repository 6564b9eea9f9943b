#include "activities/model/routing/route.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>

namespace dalsegno::activities {
namespace {

constexpr double million = 1e6;

bool contains(std::vector<std::string> const& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

double tokens(std::uint64_t count) { return static_cast<double>(count); }

/// The request with its warm prefix within its prompt, and only where the session is somewhere.
RouteRequest sane(RouteRequest request, RouteRules const& rules) {
  bool const is_known = std::ranges::any_of(
      rules.candidates, [&](RouteCandidate const& each) { return each.name == request.model; });
  request.warm_tokens = is_known ? std::min(request.warm_tokens, request.prompt_tokens) : 0;
  return request;
}

RoutedCandidate price(RouteRules const& rules,
                      RouteCandidate const& candidate,
                      RouteRequest const& request) {
  auto const fresh = tokens(request.prompt_tokens - request.warm_tokens);
  auto const warm = tokens(request.warm_tokens);
  auto const output = tokens(request.output_tokens);
  RoutedCandidate priced{.name = candidate.name, .tier = candidate.tier};
  auto const seconds =
      fresh / candidate.prefill_tokens_per_second + output / candidate.output_tokens_per_second;
  priced.call_usd =
      (fresh * candidate.input_usd + warm * candidate.cached_usd + output * candidate.output_usd) /
          million +
      seconds * rules.second_usd;
  double prefill_seconds = 0;
  if (candidate.name != request.model) {
    prefill_seconds = warm / candidate.prefill_tokens_per_second;
    priced.prefill_usd = warm * (candidate.input_usd - candidate.cached_usd) / million +
                         prefill_seconds * rules.second_usd;
  }
  priced.seconds = seconds + prefill_seconds;
  priced.total_usd = priced.call_usd * (1 + rules.calls_ahead) + priced.prefill_usd;
  return priced;
}

std::optional<RouteRejection> ineligible(RouteCandidate const& candidate,
                                         RoutedCandidate const& priced,
                                         RouteRequest const& request) {
  using enum RouteRejection;
  if (contains(request.not_permitted, candidate.name)) return not_permitted;
  if (!request.data_class.empty() && !candidate.data_classes.empty() &&
      !contains(candidate.data_classes, request.data_class))
    return data_class;
  if (request.tools > 0 && !candidate.tools) return no_tools;
  if (candidate.context_tokens > 0 &&
      tokens(request.prompt_tokens) + tokens(request.output_tokens) >
          tokens(candidate.context_tokens))
    return context;
  if (request.deadline_seconds && priced.seconds > *request.deadline_seconds) return deadline;
  if (request.budget_usd && priced.call_usd + priced.prefill_usd > *request.budget_usd)
    return budget;
  return std::nullopt;
}

/// Undeclared is the riskiest.
int rank_of(Risk risk) { return risk == Risk::undeclared ? 1'000 : static_cast<int>(risk); }

std::uint32_t floor_of(RouteRules const& rules, Risk risk) {
  std::uint32_t tier = 0;
  for (auto const& [least, floor] : rules.floors)
    if (rank_of(risk) >= rank_of(least)) tier = std::max(tier, floor);
  return tier;
}

double complexity_of(RouteRules const& rules, double share, RouteRequest const& request) {
  auto const& raises = rules.raises;
  auto const raised = share + raises.failure * request.failures +
                      raises.repetition * request.repetitions + raises.tool * request.tools +
                      raises.schema_kib * tokens(request.schema_bytes) / 1024 +
                      raises.turn * (request.turn > 0 ? request.turn - 1 : 0);
  return std::clamp(raised, 0.0, 1.0);
}

std::uint32_t band_of(RouteRules const& rules, double complexity) {
  std::uint32_t tier = 0;
  for (auto const& band : rules.bands)
    if (complexity >= band.from) tier = band.tier;
  return tier;
}

/// The cheapest of the candidates that are left; of equals the session's own, then the first.
RoutedCandidate* cheapest(std::vector<RoutedCandidate>& candidates, std::string_view own) {
  RoutedCandidate* best = nullptr;
  for (auto& each : candidates) {
    if (each.rejected) continue;
    auto const less = [&](RoutedCandidate const& a, RoutedCandidate const& b) {
      return std::tuple(a.total_usd, a.name != own) < std::tuple(b.total_usd, b.name != own);
    };
    if (best == nullptr || less(each, *best)) best = &each;
  }
  return best;
}

/// The strongest healthy one below the band; of equals the cheapest.
RoutedCandidate* strongest_below(std::vector<RoutedCandidate>& candidates,
                                 RouteRequest const& request) {
  RoutedCandidate* best = nullptr;
  for (auto& each : candidates) {
    if (each.rejected != RouteRejection::below_band || contains(request.unhealthy, each.name))
      continue;
    auto const better = [](RoutedCandidate const& a, RoutedCandidate const& b) {
      return a.tier != b.tier ? a.tier > b.tier : a.total_usd < b.total_usd;
    };
    if (best == nullptr || better(each, *best)) best = &each;
  }
  return best;
}

void reject_others(std::vector<RoutedCandidate>& candidates,
                   RoutedCandidate const& taken,
                   std::string_view own) {
  for (auto& each : candidates) {
    if (each.rejected || &each == &taken) continue;
    bool const saves = taken.name == own && each.call_usd < taken.call_usd;
    each.rejected = saves ? RouteRejection::gain_below_prefill : RouteRejection::costlier;
  }
}

}  // namespace

std::string_view name_of(RouteRejection rejection) {
  using enum RouteRejection;
  switch (rejection) {
    case not_permitted:
      return "not_permitted";
    case data_class:
      return "data_class";
    case no_tools:
      return "no_tools";
    case context:
      return "context";
    case deadline:
      return "deadline";
    case budget:
      return "budget";
    case below_risk_floor:
      return "below_risk_floor";
    case below_band:
      return "below_band";
    case unhealthy:
      return "unhealthy";
    case gain_below_prefill:
      return "gain_below_prefill";
    case costlier:
      return "costlier";
  }
  return "";
}

std::string_view name_of(RouteBinding binding) {
  switch (binding) {
    case RouteBinding::first:
      return "first";
    case RouteBinding::kept:
      return "kept";
    case RouteBinding::moved:
      return "moved";
    case RouteBinding::none:
      return "none";
  }
  return "";
}

RouteDecision decide_route(RouteRules const& rules,
                           ComplexityModel const& complexity,
                           RouteRequest const& asked) {
  auto const request = sane(asked, rules);
  RouteDecision decision;
  decision.rules = rules.name;
  decision.weights = complexity.version();
  decision.text = complexity.score(request.text);
  decision.complexity = complexity_of(rules, decision.text.share, request);
  decision.floor_tier = floor_of(rules, request.risk);
  decision.band_tier = band_of(rules, decision.complexity);
  for (auto const& candidate : rules.candidates) {
    auto priced = price(rules, candidate, request);
    priced.rejected = ineligible(candidate, priced, request);
    if (!priced.rejected && priced.tier < decision.floor_tier)
      priced.rejected = RouteRejection::below_risk_floor;
    if (!priced.rejected && priced.tier < decision.band_tier)
      priced.rejected = RouteRejection::below_band;
    if (!priced.rejected && contains(request.unhealthy, priced.name))
      priced.rejected = RouteRejection::unhealthy;
    decision.candidates.push_back(std::move(priced));
  }
  auto* taken = cheapest(decision.candidates, request.model);
  if (taken == nullptr) {
    taken = strongest_below(decision.candidates, request);
    decision.degraded = taken != nullptr;
  }
  if (taken == nullptr) return decision;
  taken->rejected.reset();
  reject_others(decision.candidates, *taken, request.model);
  decision.model = taken->name;
  decision.binding = request.model.empty()          ? RouteBinding::first
                     : request.model == taken->name ? RouteBinding::kept
                                                    : RouteBinding::moved;
  return decision;
}

}  // namespace dalsegno::activities
