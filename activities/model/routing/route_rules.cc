#include "activities/model/routing/route_rules.h"

#include "dalsegno/try.h"

#include <cmath>
#include <set>

namespace dalsegno::activities {
namespace {

bool is_amount(double value) { return std::isfinite(value) && value >= 0; }

Error wrong(RouteRules const& rules, std::string const& what) {
  return {Errc::invalid, "route " + rules.name + ": " + what};
}

Result<> check_candidate(RouteRules const& rules, RouteCandidate const& candidate) {
  if (candidate.name.empty()) return wrong(rules, "a model has no name");
  if (!is_amount(candidate.input_usd) || !is_amount(candidate.cached_usd) ||
      !is_amount(candidate.output_usd))
    return wrong(rules, candidate.name + " has a price below 0");
  if (!is_amount(candidate.prefill_tokens_per_second) ||
      !is_amount(candidate.output_tokens_per_second) || candidate.prefill_tokens_per_second == 0 ||
      candidate.output_tokens_per_second == 0)
    return wrong(rules, candidate.name + " has a rate that is not above 0");
  return {};
}

}  // namespace

Result<> check(RouteRules const& rules) {
  if (rules.candidates.empty()) return wrong(rules, "has no models");
  std::set<std::string_view> names;
  for (auto const& candidate : rules.candidates) {
    TRY_VOID(check_candidate(rules, candidate));
    if (!names.insert(candidate.name).second)
      return wrong(rules, candidate.name + " stands there twice");
  }
  double before = -1;
  for (auto const& band : rules.bands) {
    if (!(band.from > before) || !(band.from <= 1) || !is_amount(band.from))
      return wrong(rules, "the bands do not rise from 0 to 1");
    before = band.from;
  }
  auto const& raises = rules.raises;
  for (double const value : {raises.failure,
                             raises.repetition,
                             raises.tool,
                             raises.schema_kib,
                             raises.turn,
                             rules.calls_ahead,
                             rules.second_usd})
    if (!is_amount(value)) return wrong(rules, "a number is below 0");
  return {};
}

}  // namespace dalsegno::activities
