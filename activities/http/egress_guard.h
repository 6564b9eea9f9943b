#pragma once

#include "activities/http/address.h"
#include "activities/http/dial_plan.h"
#include "activities/http/egress_rules.h"
#include "activities/http/resolver.h"
#include "dalsegno/activity.h"
#include "dalsegno/contact.h"
#include "dalsegno/result.h"
#include "dalsegno/routes.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace dalsegno::http {

/// What policy is asked about one address of a place that the rules permit.
struct ConnectRequest {
  DialPlan const& plan;
  std::string_view method;
  Address address;
};
/// A second opinion, that of the policy (connect_policy.h). It can only take away. nullopt: it has
/// none.
using ConnectPolicy = std::function<std::optional<PolicyAnswer>(ConnectRequest const&)>;

/// What may be dialled for one plan, once.
struct Admission {
  std::vector<Address> addresses;  ///< vetted, in the order in which they are tried
};

/// Decides where connections of this process may go, and resolves names once for it.
///
/// Every outbound connection of the product asks `admit` and dials one of the addresses that it
/// gives, and no other: nobody resolves a name a second time.
/// Thread: any.
/// Source: docs/egress.md.
class EgressGuard {
 public:
  EgressGuard(EgressRules rules, Resolver& resolver);

  /// What the rules say, without asking a resolver or a policy.
  [[nodiscard]] EgressDecision decide(DialPlan const& plan) const { return rules_.decide(plan); }

  /// Asks the rules and the `routes` of the call's permit, resolves the name once, and refuses it
  /// if one of its addresses may not be dialled, be it for the rules or for `policy`, which is
  /// asked about each; an empty one is not. Reads `contact.method`; fills in URL, host, port,
  /// answers, rules and the policy's part. Errors: Errc::denied; those of Resolver::resolve.
  [[nodiscard]] Result<Admission> admit(DialPlan const& plan,
                                        Routes const& routes,
                                        ConnectPolicy const& policy,
                                        std::chrono::milliseconds resolve_limit,
                                        Contact& contact) const;

 private:
  EgressRules rules_;
  Resolver& resolver_;
};

}  // namespace dalsegno::http
