#include "engine/govern/operate.h"

#include "dalsegno/try.h"
#include "engine/govern/operators_policy.h"
#include "engine/govern/store_policy.h"
#include "engine/policy/answers.h"
#include "engine/policy/recorded.h"
#include "storage/access/guard_log.h"
#include "storage/access/operator_acted.h"
#include "storage/access/recorded_time.h"
#include "storage/log/journal.h"

#include <algorithm>
#include <utility>

namespace dalsegno::engine {
namespace {

Result<> check_form(Credentials const& credentials, OperatorAction const& action) {
  if (!credentials.by.empty() && (credentials.by.size() > max_operator_name_bytes ||
                                  !valid(SessionId{"default", credentials.by})))
    return Error{Errc::invalid,
                 "a name has at most " + std::to_string(max_operator_name_bytes) +
                     " bytes of UTF-8 and no control characters"};
  if (action.reason.empty()) return Error{Errc::invalid, "say why: --reason"};
  if (action.reason.size() > max_operator_reason_bytes)
    return Error{
        Errc::invalid,
        "the reason has more than " + std::to_string(max_operator_reason_bytes) + " bytes"};
  return {};
}

/// Obligations of operators' actions: a second person is an approval.
class OperatorAmbient final : public PolicyAmbient {
 public:
  OperatorAmbient(Time now, bool second) : now_(now), second_(second) {}
  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] ObligationKinds fulfils() const override {
    auto kinds = ObligationKinds().set(static_cast<std::size_t>(ObligationKind::log));
    if (second_) kinds.set(static_cast<std::size_t>(ObligationKind::require_approval));
    return kinds;
  }

 private:
  Time now_;
  bool second_;
};

bool has_one_of(Json const* wanted, std::vector<std::string> const& have) {
  if (wanted == nullptr || wanted->as_array() == nullptr) return false;
  return std::ranges::any_of(*wanted->as_array(), [&](Json const& item) {
    auto const* const text = item.as_string();
    return text != nullptr && std::ranges::find(have, *text) != have.end();
  });
}

/// Why the second person is not the approval that a rule asks for; nothing: they are.
std::optional<std::string> lacks_approval(Decision const& decision,
                                          access::KnownToken const* second) {
  for (auto const& obligation : decision.obligations) {
    if (obligation.kind != ObligationKind::require_approval) continue;
    auto const by = "rule " + obligation.rule + " asks for approval by ";
    auto const parameters = parse_json(obligation.parameters);
    if (!parameters || second == nullptr) return by + "somebody else";
    auto const* const count = parameters->find("count");
    if (count != nullptr && count->as_integer() != nullptr && *count->as_integer() > 1)
      return by + std::to_string(*count->as_integer()) +
             " people; an operator's action has one second person";
    auto const* const roles = parameters->find("roles");
    auto const* const ids = parameters->find("ids");
    if (roles == nullptr && ids == nullptr) continue;
    if (!has_one_of(roles, second->roles) && !has_one_of(ids, {second->owner}))
      return by + "other people or roles than " + second->owner + " is or has";
  }
  return std::nullopt;
}

PolicyRequest request_of(std::string_view action, std::string_view resource, Identity const& who) {
  static std::vector<std::string> const no_roles;
  auto const& session = storage::journal_session();
  return {.principal = {.kind = "operator",
                        .id = who.name,
                        .tenant = session.tenant,
                        .roles = who.token == nullptr ? no_roles : who.token->roles},
          .action = action,
          .resource = resource,
          .session = session.name};
}

struct Decided {
  storage::PolicyDecided event;
  std::optional<std::string> refused;
};

Decided decide(StorePolicies const& policies,
               OperatorAction const& action,
               Identity const& who,
               std::string const& details,
               Time at) {
  auto const governs = [&action](PolicySet const& policy) {
    return action.name == approval_action ? governs_answers(policy) : governs_operators(policy);
  };
  bool const own = policies.active && governs(*policies.active);
  auto const& policy = own ? *policies.active : operators_policy();
  auto decision = decide_about(policy, action.name, action.resource, who, at);
  Decided out;
  if (!decision.permitted) {
    out.refused = "policy \"" + policy.name() + "\" denies " + action.name + " to " + who.name +
                  ": " + decision.reason;
  } else {
    out.refused = lacks_approval(decision, who.second);
  }
  auto const request = request_of(action.name, action.resource, who);
  out.event = to_event(policy, request, std::move(decision));
  for (auto const& shadow : policies.shadows)
    if (governs(shadow))
      add_shadow(out.event, shadow, decide_about(shadow, action.name, action.resource, who, at));
  out.event.input_digest = storage::sha256({details});
  return out;
}

}  // namespace

Decision decide_about(PolicySet const& policy,
                      std::string_view action,
                      std::string_view resource,
                      Identity const& who,
                      Time now) {
  OperatorAmbient const ambient(now, who.second != nullptr);
  return policy.decide(request_of(action, resource, who), ambient);
}

Result<Judged> judge(storage::EventLog const& log,
                     Credentials const& credentials,
                     OperatorAction action,
                     Time now) {
  TRY_VOID(check_form(credentials, action));
  TRY(auto const tokens, access::TokenTable::read(log));
  TRY(auto const at, access::not_before_recorded(log, now));
  TokenUse const use{.action = action.name,
                     .tenant = action.tenant,
                     .second = action.second,
                     .may_be_recovery = action.may_be_recovery};
  TRY(auto const identity, identify(tokens, credentials, use, at));

  Judged judged;
  judged.at = at;
  judged.who = {.name = identity.name,
                .second = identity.second == nullptr ? "" : identity.second->owner,
                .break_glass = identity.break_glass(),
                .credential = identity.token == nullptr ? "" : identity.token->id};
  auto refused = identity.refused;
  if (!refused && action.objection) refused = action.objection(identity);
  auto const details = canonical(action.details);
  if (!refused) {
    TRY(auto const policies, read_store_policies(log));
    auto decided = decide(policies, action, identity, details, at);
    refused = std::move(decided.refused);
    judged.events.emplace_back(std::move(decided.event));
  }
  if (refused) action.details.set(access::refused_detail, *refused);

  storage::OperatorActed acted;
  acted.by = identity.name;
  acted.action = action.name;
  acted.reason = action.reason;
  acted.resource = action.resource;
  acted.details = canonical(action.details);
  if (identity.token != nullptr) acted.credential = identity.token->id;
  if (identity.second != nullptr) acted.second_credential = identity.second->id;
  acted.second = judged.who.second;
  acted.break_glass = judged.who.break_glass;
  judged.events.emplace_back(std::move(acted));
  if (refused) {
    judged.refused = Error{Errc::denied, std::move(*refused)};
    return judged;
  }
  std::ranges::move(action.events, std::back_inserter(judged.events));
  judged.artifacts = std::move(action.artifacts);
  return judged;
}

Result<Actor> operate(storage::EventLog& log,
                      Credentials const& credentials,
                      OperatorAction action,
                      Time now) {
  TRY(auto judged, judge(log, credentials, std::move(action), now));
  auto const guard = access::guard_log(log, access::TokenKind::operators);
  TRY_VOID(storage::append_to_journal(
      *guard, std::move(judged.events), judged.at, std::move(judged.artifacts)));
  if (judged.refused) return std::move(*judged.refused);
  return std::move(judged.who);
}

}  // namespace dalsegno::engine
