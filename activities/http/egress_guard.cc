#include "activities/http/egress_guard.h"

#include "activities/http/address_class.h"
#include "dalsegno/try.h"

#include <utility>

namespace dalsegno::http {

EgressGuard::EgressGuard(EgressRules rules, Resolver& resolver)
    : rules_(std::move(rules)), resolver_(resolver) {}

Result<Admission> EgressGuard::admit(DialPlan const& plan,
                                     Routes const& routes,
                                     ConnectPolicy const& policy,
                                     std::chrono::milliseconds resolve_limit,
                                     Contact& contact) const {
  contact.url = redacted(plan);
  contact.host = plan.host();
  contact.port = plan.port();
  auto decision = rules_.decide(plan);
  contact.rules = decision.rules;
  if (!decision.permitted) return Error(Errc::denied, decision.reason);
  if (!routes.allow(plan.host()))
    return Error(Errc::denied,
                 plan.host() +
                     " is denied: it is none of the hosts to which the obligation "
                     "\"route\" of the call's permit leads");

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
      return Error(Errc::denied,
                   plan.host() + " is denied: it resolves to " + to_string(address) + " (" +
                       std::string(name_of(classify(address))) + "), which no rule names for it");
    if (!policy) continue;
    auto answer = policy({.plan = plan, .method = contact.method, .address = address});
    if (!answer) continue;
    contact.policy = std::move(answer->policy);
    contact.policy_rules = std::move(answer->rules);
    if (!answer->permitted)
      return Error(Errc::denied, plan.host() + " is denied by policy: " + answer->reason);
  }
  return admission;
}

}  // namespace dalsegno::http
