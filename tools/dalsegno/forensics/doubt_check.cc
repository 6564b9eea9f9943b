#include "tools/dalsegno/forensics/doubt_check.h"

#include "engine/session/approval.h"

namespace dalsegno::forensics {

namespace {

engine::OpenOperation const* find(engine::SessionState const& state, OperationId operation) {
  auto const found = state.operations.find(operation);
  return found == state.operations.end() ? nullptr : &found->second;
}

std::string wrong_token(access::TokenTable const& tokens,
                        std::string_view tenant,
                        storage::DoubtResolved const& resolved,
                        Time recorded_at) {
  if (resolved.credential.empty()) return {};
  auto const name = "a resolution with token " + resolved.credential;
  auto const* const token = tokens.with_id(resolved.credential);
  if (token == nullptr || token->created > recorded_at) return name + ", which did not exist";
  if (token->kind != access::TokenKind::operators) return name + ", which is none of an operator";
  if ((token->expires && *token->expires <= recorded_at) ||
      (token->ends && *token->ends <= recorded_at))
    return name + ", which was not valid any more";
  if (!token->tenant.empty() && token->tenant != tenant)
    return name + ", which is for tenant " + token->tenant;
  bool const redacted = resolved.by.contains("[secret:");
  if (!redacted && !engine::same_person(token->owner, resolved.by))
    return name + " by " + resolved.by + "; it is " + token->owner + "'s";
  return {};
}

}  // namespace

std::string not_under_way(engine::SessionState const& state,
                          OperationId operation,
                          std::uint32_t attempt) {
  auto const* const open = find(state, operation);
  if (open != nullptr && open->attempt_open && open->attempt == attempt) return {};
  return "a sign of attempt " + std::to_string(attempt) + ", which was not under way";
}

std::string made_again(engine::SessionState const& state, OperationId operation) {
  auto const* const open = find(state, operation);
  if (open == nullptr || open->terms.effect != storage::EffectClass::at_most_once || !open->unsure)
    return {};
  return "a call that is made at most once was made again, though nobody knew whether attempt " +
         std::to_string(open->attempt) + " had had its effect";
}

std::string wrong_doubt(engine::SessionState const& state,
                        OperationId operation,
                        storage::OperationInDoubt const& doubt) {
  auto const* const open = find(state, operation);
  if (open == nullptr) return "an operation in doubt that had ended";
  if (open->terms.effect == storage::EffectClass::idempotent)
    return "an idempotent call is in doubt";
  if (open->attempt_open || !open->unsure || doubt.attempt != open->attempt)
    return "in doubt about attempt " + std::to_string(doubt.attempt) +
           ", whose outcome was not unknown";
  return {};
}

std::string wrong_resolution(engine::SessionState const& state,
                             OperationId operation,
                             storage::DoubtResolved const& resolved,
                             access::TokenTable const* tokens,
                             Time recorded_at) {
  auto const* const open = find(state, operation);
  if (open == nullptr || !open->doubt) return "a resolution of what was not in doubt";
  if (open->doubt->resolution) return "a second resolution of the same doubt";
  if (resolved.by.empty() || resolved.reason.empty())
    return "a resolution by nobody, or for nothing";
  if (tokens == nullptr) return {};
  return wrong_token(*tokens, state.session.tenant, resolved, recorded_at);
}

bool ends_a_doubt(engine::SessionState const& state, OperationId operation) {
  auto const* const open = find(state, operation);
  return open != nullptr && !open->attempt_open && open->doubt && open->doubt->resolution;
}

std::string wrong_end(engine::SessionState const& state,
                      OperationId operation,
                      storage::Payload const& told) {
  auto const& said = *state.operations.at(operation).doubt->resolution;
  if (said.resolution != storage::DoubtResolution::completed)
    return "a result, though it was not resolved as completed";
  return told == said.result ? std::string() : "another result than the person gave";
}

}  // namespace dalsegno::forensics
