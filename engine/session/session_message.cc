// What a session asks of others that are there, and promises that others keep.

#include "dalsegno/errors.h"
#include "dalsegno/try.h"
#include "engine/session/completion_token.h"
#include "engine/session/overloaded.h"
#include "engine/session/session.h"

#include <string>
#include <utility>
#include <variant>

namespace dalsegno::engine {

using storage::OperationKind;

std::string Session::token_of(OperationId promise) const {
  return to_text(
      {state_.session, state_.run, promise, 0, proof_of(digester_, state_.run, promise, 0)});
}

void Session::issue_promise(OperationId id) {
  storage::OperationRequested body;
  body.kind = OperationKind::promise;
  body.label = issued_.at(id).name;
  command(id, std::move(body));
}

/// Whom a message is for; a message that nobody can get costs nothing.
std::string Session::addressee(OperationId id, detail::MessageRequest const& message) {
  std::string wrong;
  if (message.ask == detail::Ask::signal) {
    if (valid(SessionId{state_.session.tenant, message.session})) return message.session;
    wrong = "\"" + message.session +
            "\" is no valid name of a session: 1 to 200 bytes, UTF-8 without control characters";
  } else {
    auto token = parse_completion_token(message.promise);
    if (!token) {
      wrong = token.error().detail;
    } else if (token->attempt > 0) {
      wrong = "this is the token of an attempt and of no promise";
    } else if (token->session.tenant != state_.session.tenant) {
      wrong = "the promise is one of another tenant";
    } else {
      return token->session.name;
    }
  }
  forget_name(id, issued_.at(id));
  issued_.erase(id);
  throw Failure("invalid", wrong);
}

void Session::issue_message(OperationId id, detail::MessageRequest message) {
  storage::OperationRequested body;
  body.kind = OperationKind::message;
  body.name = addressee(id, message);
  body.input = input_of(id, "what is meant for " + body.name, std::move(message.input));
  body.label = issued_.at(id).name;
  if (live()) body.input_digest = digest_of(*issued_.at(id).input);
  auto& wanted = body.child.emplace();
  wanted.session = body.name;
  wanted.detached = true;
  wanted.bare = message.bare;
  wanted.ask = static_cast<storage::SessionAsk>(message.ask);
  wanted.signal = std::move(message.signal);
  wanted.promise = std::move(message.promise);
  wanted.workflow = std::move(message.workflow);
  if (!wanted.workflow.empty()) wanted.reuse = storage::Reuse::allow;
  command(id, std::move(body));
  begin_attempt(id);
}

/// What a promise comes to.
Result<std::optional<StepResult>> Session::handle_promise(OutsideInput const& outside,
                                                          Ambient const& ambient) {
  auto const name = "session " + to_string(state_.session);
  auto const found = state_.operations.find(outside.operation);
  if (found == state_.operations.end() || found->second.kind != OperationKind::promise)
    return Error{Errc::ended,
                 name + ": the promise of operation " +
                     std::to_string(static_cast<std::uint64_t>(outside.operation)) +
                     " is settled, or nobody waits for it any more"};
  storage::PromiseSettled settled;
  settled.session = outside.session;
  settled.taint = outside.taint;
  settled.senders = outside.senders;
  if (auto const* const result = std::get_if<ResultInput>(&outside.what)) {
    if (result->payload.size() > storage::max_artifact_bytes)
      return Error{Errc::too_large,
                   name + ": the result has " + std::to_string(result->payload.size()) +
                       " bytes; at most " + std::to_string(storage::max_artifact_bytes) +
                       " are allowed"};
    settled.result.bytes = result->payload;
  } else if (auto const* const failure = std::get_if<FailureInput>(&outside.what)) {
    constexpr std::size_t longest_message = 4'096;
    settled.failed = true;
    settled.type = failure->type;
    settled.message = failure->message.substr(0, longest_message);
  } else {
    return Error{Errc::invalid, name + ": a promise has no heartbeat"};
  }
  input_vault_.clear();
  return take_body(outside.operation, std::move(settled), ambient);
}

void Session::end_promise(OperationId id, storage::PromiseSettled const& settled) {
  detail::Outcome outcome;
  if (settled.failed) {
    outcome.kind = detail::OutcomeKind::failed;
    outcome.type = settled.type;
    outcome.message = settled.message;
  } else {
    outcome.payload = payload_text(settled.result);
  }
  end_operation(id, std::move(outcome));
}

}  // namespace dalsegno::engine
