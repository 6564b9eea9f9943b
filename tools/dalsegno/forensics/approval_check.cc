#include "tools/dalsegno/forensics/approval_check.h"

#include "dalsegno/payload.h"
#include "dalsegno/workflow.h"
#include "engine/policy/glob.h"
#include "engine/session/approval.h"

#include <algorithm>

namespace dalsegno::forensics {

using engine::AskedApproval;

std::string wrong_request(engine::SessionState const& state,
                          OperationId operation,
                          storage::ApprovalRequested const& asked) {
  auto const found = state.operations.find(operation);
  if (found == state.operations.end()) return "approval is asked for an operation that is not open";
  if (found->second.input_digest != asked.input_digest)
    return "approval is asked for another input than was requested";
  return {};
}

std::string wrong_answer(engine::SessionState const& state,
                         OperationId operation,
                         storage::ApprovalGiven const& given,
                         Time recorded_at) {
  engine::ApprovalInput input;
  input.operation = operation;
  input.granted = given.granted;
  input.by = given.by;
  input.credential = given.credential;
  input.roles = given.roles;
  input.reason = given.reason;
  input.input_digest = given.input_digest;
  auto const checked = engine::check_answer(state, input, recorded_at);
  return checked ? std::string() : "an answer that may not be given: " + checked.error().detail;
}

std::string wrong_credential(access::TokenTable const& tokens,
                             std::string_view tenant,
                             storage::ApprovalGiven const& given,
                             Time recorded_at) {
  if (given.credential.empty()) return {};
  auto const name = "an answer with token " + given.credential;
  auto const* const token = tokens.with_id(given.credential);
  if (token == nullptr || token->created > recorded_at) return name + ", which did not exist";
  if (token->kind != access::TokenKind::operators) return name + ", which is none of an operator";
  if ((token->expires && *token->expires <= recorded_at) ||
      (token->ends && *token->ends <= recorded_at))
    return name + ", which was not valid any more";
  if (!token->tenant.empty() && token->tenant != tenant)
    return name + ", which is for tenant " + token->tenant;
  if (std::ranges::none_of(token->scopes, [](std::string const& scope) {
        return engine::glob_matches(scope, "approval.give");
      }))
    return name + ", whose scopes do not let it give approvals";
  bool const redacted = given.by.contains("[secret:");
  if (!redacted && !engine::same_person(token->owner, given.by))
    return name + " by " + given.by + "; it is " + token->owner + "'s";
  auto const foreign = std::ranges::find_if(given.roles, [&](std::string const& role) {
    return std::ranges::find(token->roles, role) == token->roles.end();
  });
  if (foreign == given.roles.end()) return {};
  return name + ", which does not have the role " + *foreign;
}

std::string missing_approval(engine::SessionState const& state,
                             OperationId operation,
                             storage::PolicyDecided const& decided,
                             Time recorded_at) {
  auto const found = state.operations.find(operation);
  if (found == state.operations.end()) return {};
  auto const missing = engine::missing_approvals(found->second, decided, recorded_at);
  if (missing.empty()) return {};
  auto const& first = missing.front();
  auto const& approvals = found->second.approvals;
  auto const asked = std::ranges::find_if(
      approvals, [&](AskedApproval const& it) { return it.request.rule == first.rule; });
  auto const given = asked == approvals.end() ? 0 : engine::grants_of(*asked);
  return "was started without the approval that rule " + first.rule +
         " asks for: " + std::to_string(first.quorum) + " people, of whom " +
         std::to_string(given) + " had approved these arguments" +
         (asked != approvals.end() && engine::has_lapsed(*asked, recorded_at)
              ? ", and that had expired"
              : "");
}

std::string wrong_attributes(engine::SessionState const& state,
                             OperationId operation,
                             storage::PolicyDecided const& decided,
                             Time recorded_at) {
  auto const found = state.operations.find(operation);
  if (found == state.operations.end()) return {};
  auto const approvers = engine::approvers_of(found->second, recorded_at);
  auto const wrong = [&](std::string_view name, Json const& expected, bool required) {
    auto const given = std::ranges::find(decided.attributes, name, &storage::NamedValue::name);
    bool const absent = given == decided.attributes.end();
    auto const text = canonical(expected);
    if (absent ? !required : given->value == text) return std::string();
    return "it was made with " + (absent ? "no " : std::string()) + std::string(name) +
           (absent ? "" : " " + given->value) + "; by then the log had " + text;
  };
  // Versions before taint left it out.
  auto what = wrong("taint", Json::Array(state.taint.begin(), state.taint.end()), false);
  if (!what.empty()) return what;
  return wrong("approval", Json::Array(approvers.begin(), approvers.end()), !approvers.empty());
}

std::string wrong_outcome(engine::OpenOperation const& operation,
                          storage::OperationCompleted const& told,
                          Time recorded_at) {
  if (told.result.artifact) return {};
  auto const answer = from_json<ApprovalAnswer>(told.result.bytes);
  if (!answer) return "the answer to the workflow cannot be read: " + answer.error().detail;
  auto const& approvals = operation.approvals;
  switch (answer->outcome) {
    case ApprovalOutcome::granted:
      if (!approvals.empty() && std::ranges::all_of(approvals, engine::has_quorum)) return {};
      return "the workflow was told that it was approved, but too few people had approved it";
    case ApprovalOutcome::denied:
      if (std::ranges::any_of(approvals, engine::denial_of)) return {};
      return "the workflow was told that it was denied, but nobody had denied it";
    case ApprovalOutcome::expired:
      break;
  }
  bool const lapsed = std::ranges::any_of(
      approvals, [&](AskedApproval const& it) { return engine::has_lapsed(it, recorded_at); });
  return lapsed ? "" : "the workflow was told that nobody answered in time, before the time was up";
}

}  // namespace dalsegno::forensics
