#include "engine/runtime/attempt_scope.h"

#include "engine/policy/recorded.h"
#include "engine/session/state.h"
#include "storage/event/digest.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace dalsegno::engine {

ActivityContext AttemptScope::context() {
  ActivityContext context;
  context.session = attempt_.session;
  context.run = attempt_.run;
  context.operation = attempt_.operation;
  context.attempt = attempt_.attempt;
  context.epoch = attempt_.epoch;
  context.name = attempt_.name;
  context.idempotency_key = idempotency_key(attempt_.session, attempt_.run, attempt_.operation);
  context.routes = attempt_.permit.routes();
  context.workflow = attempt_.workflow;
  context.principal = {.kind = std::string(kind_of_principal(attempt_.decision)),
                       .id = attempt_.decision.principal,
                       .tenant = attempt_.session.tenant,
                       .roles = attempt_.decision.principal_roles};
  context.stop = stop_;
  context.host = this;
  context.heartbeat_details = attempt_.heartbeat_details;
  return context;
}

void AttemptScope::heartbeat(std::string details) {
  if (details.size() > max_heartbeat_bytes)
    throw ActivityError("heartbeat_too_large",
                        "the details of a heartbeat have " + std::to_string(details.size()) +
                            " bytes; at most " + std::to_string(max_heartbeat_bytes) +
                            " are allowed",
                        ActivityError::Retry::forbidden)
        .with_unknown_outcome();
  if (services_.heartbeat) services_.heartbeat(std::move(details));
}

std::string AttemptScope::complete_later() {
  auto token = services_.token
                   ? services_.token()
                   : Result<std::string>(Error{Errc::unavailable, "there is no runtime"});
  if (!token)
    throw ActivityError("no_token", token.error().detail, ActivityError::Retry::allowed)
        .with_unknown_outcome();
  deferred_ = true;
  return std::move(*token);
}

std::optional<PolicyAnswer> AttemptScope::decide(std::string_view action,
                                                 std::string_view resource,
                                                 Json const& attributes) const {
  if (!policy_.has_rules_about(action)) return std::nullopt;
  Accessory accessory{.action = action, .resource = resource};
  if (auto const* const members = attributes.as_object())
    for (auto const& [name, value] : *members) accessory.attributes.push_back({name, value});
  ObligationKinds fulfils;
  fulfils.set(static_cast<std::size_t>(ObligationKind::log));
  auto const now = now_();
  auto decision = decide_accessory(policy_,
                                   std::move(accessory),
                                   attempt_.decision,
                                   {.session = &attempt_.session,
                                    .workflow = attempt_.workflow,
                                    .recorded_at = now,
                                    .arguments = *attempt_.input},
                                   PolicyTime(now, fulfils));
  return PolicyAnswer{.permitted = decision.permitted,
                      .policy = storage::to_hex(policy_.digest()),
                      .rules = std::move(decision.rules),
                      .reason = std::move(decision.reason)};
}

}  // namespace dalsegno::engine
