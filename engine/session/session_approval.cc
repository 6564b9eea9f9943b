// Calls and workflows that wait for people. An answer is an input that runs no code: it arms the
// operation's timer, and the timer's step looks whether it is enough. So an answer can also be
// recorded where the workflow's code is not (control_step.h).

#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/policy/answers.h"
#include "engine/session/session.h"
#include "storage/log/journal.h"

#include <algorithm>
#include <utility>

namespace dalsegno::engine {

using storage::OperationKind;

namespace {

/// What was decided about the operation, if anything was: one who denies is enough, and so is one
/// request that nobody answered in time.
struct Verdict {
  ApprovalAnswer answer;
  std::string rule;
  std::string text;  ///< for people
};

std::optional<Verdict> denial(OpenOperation const& operation) {
  for (auto const& asked : operation.approvals) {
    auto const* const answer = asked.waiting ? denial_of(asked) : nullptr;
    if (answer == nullptr) continue;
    return Verdict{
        {ApprovalOutcome::denied, {answer->by}, answer->reason},
        asked.request.rule,
        answer->by + " denied it" + (answer->reason.empty() ? "" : ": " + answer->reason)};
  }
  return std::nullopt;
}

std::optional<Verdict> expiry(OpenOperation const& operation, Time now) {
  for (auto const& asked : operation.approvals) {
    if (!asked.waiting || has_quorum(asked) || !has_lapsed(asked, now)) continue;
    return Verdict{{ApprovalOutcome::expired, {}, {}},
                   asked.request.rule,
                   "not approved by " + to_string(*asked.request.expires) + ": " +
                       std::to_string(grants_of(asked)) + " of " +
                       std::to_string(asked.request.quorum) + " had approved it"};
  }
  return std::nullopt;
}

std::optional<Verdict> consent(OpenOperation const& operation) {
  Verdict verdict{{ApprovalOutcome::granted, {}, {}}, {}, {}};
  for (auto const& asked : operation.approvals) {
    if (!asked.waiting) continue;
    if (!has_quorum(asked)) return std::nullopt;
    for (auto const& answer : asked.given) {
      verdict.answer.by.push_back(answer.by);
      verdict.answer.reason = answer.reason;
    }
  }
  return verdict;
}

/// Errors: Errc::denied when the policy has rules about answers and does not permit this one.
Result<> ask_about_answer(PolicySet const& policy,
                          SessionId const& session,
                          std::string const& what,
                          storage::ApprovalGiven const& given,
                          Time now) {
  if (!governs_answers(policy)) return {};
  auto const& operators = storage::journal_session();
  auto const resource = answered_resource(session, what);
  auto const decision = policy.decide(
      {.principal =
           {.kind = "operator", .id = given.by, .tenant = operators.tenant, .roles = given.roles},
       .action = approval_action,
       .resource = resource,
       .session = operators.name},
      PolicyTime(now, ObligationKinds(1U << static_cast<unsigned>(ObligationKind::log))));
  if (decision.permitted) return {};
  return Error{Errc::denied,
               "policy \"" + policy.name() + "\" denies " + std::string(approval_action) + " to " +
                   given.by + ": " + decision.reason};
}

}  // namespace

/// Whether the call has to wait: what the decision asks and is not granted yet is requested.
bool Session::ask_for_approval(OperationId id, storage::PolicyDecided const& decision) {
  if (decision.obligations.empty()) return false;
  auto missing = missing_approvals(state_.operations.at(id), decision, now_);
  for (auto& request : missing) {
    if (live()) {
      // The decision gives the reason of its first rule only; who is asked wants to know this one.
      auto const& rules = ambient_->policy.rules();
      auto const rule = std::ranges::find(rules, request.rule, &Rule::id);
      if (rule != rules.end() && !rule->reason.empty()) request.reason = rule->reason;
    }
    command(id, std::move(request));
  }
  return !missing.empty();
}

void Session::on_approval_timer(OperationId id) {
  auto const& operation = state_.operations.at(id);
  auto verdict = denial(operation);
  if (!verdict) verdict = expiry(operation, now_);
  if (!verdict) verdict = consent(operation);
  if (!verdict) return escalate_approvals(id);
  auto const& answer = verdict->answer;
  if (operation.kind == OperationKind::approval) {
    auto const payload = make_payload(to_json(answer));
    command(id, storage::OperationCompleted{0, payload});
    complete(id, state_.last_sequence, payload);
  } else if (answer.granted()) {
    begin_attempt(id);  // decided anew: policy may have changed since it was asked
  } else {
    detail::Outcome outcome;
    outcome.kind = detail::OutcomeKind::failed;
    outcome.type = answer.outcome == ApprovalOutcome::denied ? approval_denied : approval_expired;
    outcome.message = verdict->text;
    outcome.attempts = operation.attempt;
    outcome.rules = {verdict->rule};
    if (operation.unsure) return fail_or_doubt(id, outcome.type, outcome.message);
    command(id, storage::OperationFailed{outcome.type, outcome.message, outcome.attempts});
    end_operation(id, std::move(outcome));
  }
}

void Session::escalate_approvals(OperationId id) {
  std::vector<storage::ApprovalRequested> wider;
  for (auto const& asked : state_.operations.at(id).approvals) {
    auto const& at = asked.request.escalate_at;
    if (asked.waiting && !has_quorum(asked) && at && *at <= now_)
      wider.push_back(escalated(asked.request));
  }
  for (auto& request : wider) command(id, std::move(request));
}

Result<std::optional<StepResult>> Session::handle_approval(ApprovalInput const& approval,
                                                           Ambient const& ambient) {
  auto const now = std::max(ambient.now, state_.last_time);
  TRY(auto given, check_answer(state_, approval, now));
  TRY_VOID(ask_about_answer(
      ambient.policy, state_.session, state_.operations.at(approval.operation).name, given, now));
  begin_live_step(ambient, state_.operations.at(approval.operation).cause);
  run_input(approval.operation, std::move(given));
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

}  // namespace dalsegno::engine
