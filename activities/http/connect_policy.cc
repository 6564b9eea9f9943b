#include "activities/http/connect_policy.h"

#include "storage/event/digest.h"

#include <array>
#include <utility>

namespace dalsegno::http {

ConnectPolicy connect_policy(engine::PolicySet policy, std::function<Time()> now) {
  return [policy = std::move(policy), now = std::move(now)](ConnectRequest const& request) {
    auto const& plan = request.plan;
    auto const resource = plan.host() + ':' + std::to_string(plan.port());
    auto const& target = plan.target();
    std::array const known = {
        engine::Attribute{"scheme", name_of(plan.scheme())},
        engine::Attribute{"host", plan.host()},
        engine::Attribute{"port", std::int64_t{plan.port()}},
        engine::Attribute{"address", to_string(request.address)},
        engine::Attribute{"method", request.method},
        engine::Attribute{"path", target.substr(0, target.find('?'))},
    };
    engine::ObligationKinds fulfils;
    fulfils.set(static_cast<std::size_t>(engine::ObligationKind::log));
    auto const& origin = request.origin;
    auto decision = policy.decide(
        {.principal = {.kind = "workflow", .id = origin.principal, .tenant = origin.tenant},
         .action = "net.connect",
         .resource = resource,
         .session = origin.session,
         .workflow = origin.workflow,
         .attributes = known},
        engine::PolicyTime(now(), fulfils));
    return ConnectAnswer{.permitted = decision.permitted,
                         .policy = storage::to_hex(policy.digest()),
                         .rules = std::move(decision.rules),
                         .reason = std::move(decision.reason)};
  };
}

}  // namespace dalsegno::http
