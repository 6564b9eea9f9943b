#include "engine/policy/permit.h"

#include "dalsegno/json.h"
#include "engine/policy/glob.h"
#include "engine/policy/grammar.h"

#include <algorithm>

namespace dalsegno::engine {
namespace {

/// The strings of a JSON text: one, or a list of them.
void add_strings(std::vector<std::string>& to, std::string_view parameters) {
  auto const value = parse_json(parameters);
  if (!value) return;
  if (auto const* const one = value->as_string()) to.push_back(*one);
  if (auto const* const list = value->as_array()) {
    for (auto const& item : *list)
      if (auto const* const text = item.as_string()) to.push_back(*text);
  }
}

}  // namespace

std::optional<Permit> Permit::from(RunId const& run,
                                   OperationId operation,
                                   storage::PolicyDecided const& decision) {
  if (decision.effect != storage::DecisionEffect::permit) return std::nullopt;
  Permit permit(run, operation, decision.attempt, decision.input_digest);
  for (auto const& obligation : decision.obligations) {
    if (obligation.kind == name_of(ObligationKind::reveal))
      add_strings(permit.reveals_, obligation.parameters);
    if (obligation.kind == name_of(ObligationKind::redact))
      add_strings(permit.redacts_, obligation.parameters);
    if (obligation.kind == name_of(ObligationKind::route))
      add_strings(permit.routes_.lists.emplace_back(), obligation.parameters);
  }
  return permit;
}

bool Permit::reveals(std::string_view kind) const {
  return std::ranges::any_of(reveals_,
                             [&](std::string const& glob) { return glob_matches(glob, kind); });
}

bool Permit::covers(RunId const& run,
                    OperationId operation,
                    std::uint32_t attempt,
                    storage::Digest const& input) const {
  return run_ == run && operation_ == operation && attempt_ == attempt && input_ == input;
}

}  // namespace dalsegno::engine
