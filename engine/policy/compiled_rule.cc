#include "engine/policy/compiled_rule.h"

namespace dalsegno::engine {

std::string_view name_of(RuleOutcome outcome) {
  switch (outcome) {
    case RuleOutcome::matched:
      return "matched";
    case RuleOutcome::other_action:
      return "other_action";
    case RuleOutcome::other_resource:
      return "other_resource";
    case RuleOutcome::other_principal:
      return "other_principal";
    case RuleOutcome::expired:
      return "expired";
    case RuleOutcome::condition_false:
      return "condition_false";
    case RuleOutcome::condition_failed:
      return "condition_failed";
  }
  return "";
}

CompiledRule::CompiledRule(Rule const& rule)
    : rule_(&rule),
      resources_(rule.resources),
      kinds_(rule.principals.kinds),
      ids_(rule.principals.ids),
      tenants_(rule.principals.tenants),
      roles_(rule.principals.roles),
      rate_(rate_of(rule)) {
  if (rule.when) when_.emplace(*rule.when);
  for (auto const& obligation : rule.obligations)
    obligations_.push_back({obligation.kind, rule.id, canonical(obligation.parameters)});
}

RuleOutcome CompiledRule::judge(Inputs& inputs,
                                std::string& why,
                                std::vector<TestTrace>* trace) const {
  auto const& request = inputs.request();
  auto const& principal = request.principal;
  if (!resources_.match(request.resource)) return RuleOutcome::other_resource;
  if (!ids_.match(principal.id) || !kinds_.match(principal.kind) ||
      !tenants_.match(principal.tenant) || !roles_.match_one_of(principal.roles))
    return RuleOutcome::other_principal;
  if (rule_->expires && inputs.now() >= *rule_->expires) return RuleOutcome::expired;
  if (!when_) return RuleOutcome::matched;
  switch (when_->judge(inputs, why, trace)) {
    case Truth::yes:
      return RuleOutcome::matched;
    case Truth::no:
      return RuleOutcome::condition_false;
    case Truth::failed:
      break;
  }
  return RuleOutcome::condition_failed;
}

}  // namespace dalsegno::engine
