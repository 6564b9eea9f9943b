#pragma once

#include "activities/http/address.h"
#include "activities/http/contact.h"
#include "activities/http/dial_plan.h"
#include "activities/http/egress_rules.h"
#include "activities/http/resolver.h"
#include "dalsegno/result.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace dalsegno::http {

/// On whose behalf something is contacted: what a policy may ask about.
struct ContactOrigin {
  std::string principal;
  std::string tenant;
  std::string session;
  std::string workflow;
};

/// A second opinion on a contact that the rules permit: the policy, asked with the action
/// net.connect. It can only take away.
struct ConnectAnswer {
  bool permitted = false;
  std::vector<std::string> rules;  ///< ids of the determining rules
  std::string reason;
};
using ConnectPolicy = std::function<ConnectAnswer(ContactOrigin const&, DialPlan const&)>;

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
  /// Without a policy the rules alone decide.
  EgressGuard(EgressRules rules, Resolver& resolver, ConnectPolicy policy = {});

  /// Decides without a resolver; about 1 µs.
  [[nodiscard]] EgressDecision decide(DialPlan const& plan, ContactOrigin const& origin = {}) const;

  /// Decides, resolves the name once, and refuses it if one of its addresses may not be dialled.
  /// Fills in `contact`: URL, host, port, rules, answers; on a denial outcome and reason.
  /// Errors: Errc::denied; those of Resolver::resolve.
  [[nodiscard]] Result<Admission> admit(DialPlan const& plan,
                                        ContactOrigin const& origin,
                                        std::chrono::milliseconds resolve_limit,
                                        Contact& contact) const;

 private:
  EgressRules rules_;
  Resolver& resolver_;
  ConnectPolicy policy_;
};

}  // namespace dalsegno::http
