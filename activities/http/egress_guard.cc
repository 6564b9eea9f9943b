#include "activities/http/egress_guard.h"

#include "activities/http/address_class.h"
#include "dalsegno/try.h"

#include <utility>

namespace dalsegno::http {

EgressGuard::EgressGuard(EgressRules rules, Resolver& resolver, ConnectPolicy policy)
    : rules_(std::move(rules)), resolver_(resolver), policy_(std::move(policy)) {}

EgressDecision EgressGuard::decide(DialPlan const& plan, ContactOrigin const& origin) const {
  auto decision = rules_.decide(plan);
  if (!decision.permitted || !policy_) return decision;
  auto answer = policy_(origin, plan);
  if (!answer.permitted)
    return {.permitted = false,
            .rules = std::move(answer.rules),
            .reason = plan.host() + " is denied by policy: " + answer.reason};
  for (auto& rule : answer.rules) decision.rules.push_back(std::move(rule));
  return decision;
}

Result<Admission> EgressGuard::admit(DialPlan const& plan,
                                     ContactOrigin const& origin,
                                     std::chrono::milliseconds resolve_limit,
                                     Contact& contact) const {
  contact.url = redacted(plan);
  contact.host = plan.host();
  contact.port = plan.port();
  auto const deny = [&contact](std::string reason) {
    contact.outcome = "denied";
    contact.reason = reason;
    return Error(Errc::denied, std::move(reason));
  };
  auto decision = decide(plan, origin);
  contact.rules = decision.rules;
  if (!decision.permitted) return deny(decision.reason);

  Admission admission;
  if (plan.literal()) {
    admission.addresses = {*plan.literal()};
  } else {
    TRY(admission.addresses, resolver_.resolve(plan.host(), resolve_limit));
    for (auto const& address : admission.addresses) contact.answers.push_back(to_string(address));
    if (admission.addresses.empty()) return Error(Errc::not_found, plan.host() + " has no address");
  }
  // One wrong address among right ones is how a name is moved under a filter: the name is refused.
  for (auto const& address : admission.addresses) {
    if (!decision.addresses.permits(address))
      return deny(plan.host() + " is denied: it resolves to " + to_string(address) + " (" +
                  std::string(name_of(classify(address))) + "), which no rule names for it");
  }
  return admission;
}

}  // namespace dalsegno::http
