// Sessions that a session asks for, and what the one that asked for it tells it.

#include "dalsegno/errors.h"
#include "dalsegno/try.h"
#include "engine/session/session.h"

#include <string>
#include <utility>

namespace dalsegno::engine {

using storage::ErrandKind;
using storage::OperationKind;

namespace {

/// The same in life and in replay; no two operations have the same one.
std::string name_of_child(SessionState const& state, OperationId id) {
  auto const run = to_string(state.run);
  auto const number = std::to_string(static_cast<std::uint64_t>(id));
  constexpr std::size_t enough = 12;  // of the run's digits
  SessionId child{state.session.tenant,
                  state.session.name + '/' + number + '-' + run.substr(0, enough)};
  if (valid(child)) return std::move(child.name);
  // The parent's own name is too long to stand in it.
  constexpr std::size_t digits = 40;
  return "child-" +
         storage::to_hex(storage::sha256({to_string(state.session), "\n", run, "\n", number}))
             .substr(0, digits);
}

}  // namespace

void Session::issue_child(OperationId id, detail::ChildRequest asked) {
  auto const what = "the workflow " + asked.workflow;
  storage::ChildRecord child;
  child.session = asked.session.empty() ? name_of_child(state_, id) : std::move(asked.session);
  if (!valid(SessionId{state_.session.tenant, child.session})) {
    forget_name(id, issued_.at(id));
    issued_.erase(id);
    throw Failure("invalid",
                  "\"" + child.session + "\" is no valid name for " + what +
                      ": 1 to 200 bytes, UTF-8 without control characters");
  }
  child.parent_close = static_cast<storage::ParentClose>(asked.parent_close);
  child.reuse = static_cast<storage::Reuse>(asked.reuse);
  child.detached = asked.detached;
  child.not_before = asked.not_before;
  storage::OperationRequested body;
  body.input = input_of(id, what, std::move(asked.input));
  body.kind = OperationKind::child;
  body.name = std::move(asked.workflow);
  body.label = issued_.at(id).name;
  if (live()) body.input_digest = digest_of(*issued_.at(id).input);
  body.on_cancel = static_cast<storage::CancelMode>(asked.on_cancel);
  body.child = std::move(child);
  command(id, std::move(body));
  begin_attempt(id);
}

/// What an operation has for another session, as its log tells it.
StartChild start_of(SessionState const& state,
                    OperationId id,
                    Permit const& permit,
                    std::shared_ptr<std::string const> input) {
  auto const& operation = state.operations.at(id);
  auto const& child = *operation.child;
  StartChild start{permit,
                   {state.session.tenant, child.session},
                   {state.session.name, state.run, id, child.detached},
                   child.ask,
                   operation.kind == OperationKind::child ? operation.name : child.workflow,
                   child.signal,
                   child.promise,
                   std::move(input),
                   state.principal,
                   child.reuse,
                   child.not_before,
                   {},
                   {}};
  if (child.bare) return start;
  start.taint.assign(state.taint.begin(), state.taint.end());
  for (auto const& [name, first] : state.senders) start.senders.push_back(name);
  return start;
}

void Session::begin_child(OperationId id, Permit const& permit) {
  auto const& operation = state_.operations.at(id);
  auto const child = *operation.child;
  command(id, storage::ChildStarted{child.session, operation.attempt + 1, operation.input_digest});
  if (!live()) return;
  errands_set_.push_back(errand(ErrandKind::start, id));
  effects_.emplace_back(start_of(state_, id, permit, issued_.at(id).input));
}

std::optional<storage::EventBody> Session::body_of(ChildEndInput const& input,
                                                   OperationId id,
                                                   OpenOperation const* operation) const {
  static_cast<void>(id);
  if (operation == nullptr || !operation->child || operation->attempt == 0) return std::nullopt;
  storage::ChildEnded ended;
  ended.run = input.run;
  ended.outcome = input.outcome;
  ended.result.bytes = input.payload;
  ended.type = input.type;
  ended.message = input.message;
  ended.taint = input.taint;
  ended.senders = input.senders;
  return ended;
}

void Session::end_child(OperationId id, storage::ChildEnded const& ended) {
  detail::Outcome outcome;
  if (ended.outcome == storage::ChildOutcome::completed) {
    outcome.payload = payload_text(ended.result);
  } else {
    outcome.kind = detail::OutcomeKind::failed;
    outcome.type =
        ended.outcome == storage::ChildOutcome::cancelled ? std::string("cancelled") : ended.type;
    outcome.message = ended.message;
    outcome.attempts = 1;
  }
  end_operation(id, std::move(outcome));
}

// ---- cancellation ----

/// Where its effect is to be waited for, it is asked to end, and the operation stays open.
bool Session::ask_to_end(OperationId id, std::string const& reason) {
  auto const& operation = state_.operations.at(id);
  bool const detached = operation.child && operation.child->detached;
  if (operation.on_cancel != storage::CancelMode::wait || !is_under_way(operation) || detached)
    return false;
  if (operation.cancel_asked) return true;
  auto const child = operation.child;
  command(id, storage::CancellationAsked{reason});
  if (live() && child) {
    errands_set_.push_back(errand(ErrandKind::tell, id));
    effects_.emplace_back(TellChild{{state_.session.tenant, child->session},
                                    {state_.session.name, state_.run, id},
                                    std::nullopt,
                                    reason});
  }
  return true;
}

/// Ends an operation as cancelled; what is under way for it is told as it asked for.
void Session::end_open(OperationId id, std::string const& reason, SessionEnds session_ends) {
  auto const& operation = state_.operations.at(id);
  bool const abandons = operation.on_cancel == storage::CancelMode::abandon;
  storage::OperationCancelled body;
  body.reason = reason;
  std::string child;
  if (!is_under_way(operation)) {
    // Nobody is to be told.
  } else if (!operation.child) {
    body.abandoned = abandons;
  } else if (!operation.child->detached) {
    child = operation.child->session;
    if (session_ends == SessionEnds::yes) {
      body.told = operation.child->parent_close;
    } else {
      body.told = abandons ? storage::ParentClose::abandon : storage::ParentClose::cancel;
    }
  }
  auto const told = body.told;
  command(id, std::move(body));
  if (!live() || !told) return;
  errands_set_.push_back(errand(ErrandKind::tell, id));
  effects_.emplace_back(TellChild{{state_.session.tenant, child},
                                  {state_.session.name, state_.run, id},
                                  told,
                                  "its parent, " + state_.session.name + ": " + reason});
}

void Session::errand_done(ErrandKind kind, storage::Origin const& origin) {
  errands_done_.push_back(
      {kind, {state_.session.tenant, origin.session}, origin.run, origin.operation});
}

/// What the session that asked for this one says.
Result<std::optional<StepResult>> Session::handle_parent(ParentInput const& input,
                                                         Ambient const& ambient) {
  if (state_.parent != input.parent) return std::nullopt;
  if (!input.close && state_.cancel_requested) return std::nullopt;
  begin_live_step(ambient, 0);
  errand_done(ErrandKind::tell, input.parent);
  if (input.close) {
    run_input(OperationId::none, storage::ParentEnded{*input.close, input.reason});
  } else {
    run_input(OperationId::none,
              storage::CancelRequested{"session " + input.parent.session, input.reason});
  }
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

}  // namespace dalsegno::engine
