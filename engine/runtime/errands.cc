#include "engine/runtime/errands.h"

#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "engine/runtime/run_lookup.h"
#include "engine/session/completion_token.h"
#include "engine/session/session.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {

namespace {

/// Whether a start may be refused with this now and not later: the errand stays.
bool may_pass(Errc code) {
  return code == Errc::stale || code == Errc::fenced || code == Errc::io ||
         code == Errc::unavailable || code == Errc::overloaded;
}

SessionId asking(SessionId const& session, storage::Origin const& origin) {
  return {session.tenant, origin.session};
}

}  // namespace

Errands::Errands(storage::EventLog const& log, Send send, Say say, Fail fail)
    : log_(log), send_(std::move(send)), say_(std::move(say)), fail_(std::move(fail)) {}

/// The errand stays in the log. When the disk refused a read nothing would ever come back to it.
void Errands::not_done(SessionId const& session, Error const& error) {
  say_(session, error.detail);
  if (error.code == Errc::io) fail_(error);
}

void Errands::start(StartChild const& wanted) {
  if (wanted.ask == storage::SessionAsk::signal) return signal(wanted);
  if (wanted.ask != storage::SessionAsk::start) return settle(wanted);
  StartRequest request{wanted.session, wanted.workflow, *wanted.input, wanted.principal};
  request.reuse = wanted.reuse;
  request.not_before = wanted.not_before;
  request.origin = wanted.origin;
  request.carried.taint = wanted.taint;
  request.carried.senders = wanted.senders;
  send_(wanted.session,
        StartMessage{std::move(request), {}, [this, wanted](Result<Receipt> const& receipt) {
                       started(wanted, receipt);
                     }});
}

void Errands::started(StartChild const& wanted, Result<Receipt> const& receipt) {
  ChildEndInput end;
  end.operation = wanted.origin.operation;
  end.session = wanted.session.name;
  if (!receipt) {
    if (receipt.error().code == Errc::io) return not_done(wanted.session, receipt.error());
    if (may_pass(receipt.error().code)) return;
    end.outcome = storage::ChildOutcome::failed;
    end.type = name_of(receipt.error().code);
    end.message = receipt.error().detail;
  } else if (wanted.origin.detached) {
    end.run = receipt->run;
    end.payload = to_json(wanted.session.name);
  } else {
    if (!receipt->repeated) return;
    // It was started before, and may have ended since.
    if (auto const done = run_report(
            {storage::ErrandKind::report, wanted.session, receipt->run, OperationId::none});
        !done)
      not_done(wanted.session, done.error());
    return;
  }
  send_(asking(wanted.session, wanted.origin),
        InputMessage{asking(wanted.session, wanted.origin), wanted.origin.run, std::move(end)});
}

namespace {

/// The same for every delivery of one message, and for no other one.
std::string key_of(storage::Origin const& origin) {
  return "dalsegno/message/" + origin.session + '/' + to_string(origin.run) + '/' +
         std::to_string(static_cast<std::uint64_t>(origin.operation));
}

/// A member of what the operation was asked with.
std::string member(Json const& of, std::string_view name) {
  auto const* const value = of.find(name);
  return value == nullptr ? std::string("null") : canonical(*value);
}

}  // namespace

void Errands::signal(StartChild const& wanted) {
  SignalInput input{wanted.signal, *wanted.input, key_of(wanted.origin), wanted.principal};
  input.taint = wanted.taint;
  input.senders = wanted.senders;
  auto done = [this, wanted](Result<Receipt> const& receipt) {
    delivered(wanted, receipt ? Result<>() : Result<>(receipt.error()));
  };
  if (wanted.workflow.empty()) {
    send_(wanted.session, SignalMessage{wanted.session, std::move(input), {}, std::move(done)});
    return;
  }
  auto const both = parse_json(*wanted.input);
  if (!both) return delivered(wanted, both.error());
  input.payload = member(*both, "signal");
  StartRequest request{
      wanted.session, wanted.workflow, member(*both, "input"), wanted.principal, wanted.reuse};
  request.first = std::move(input);
  send_(wanted.session, StartMessage{std::move(request), {}, std::move(done)});
}

/// Says what a promise comes to.
void Errands::settle(StartChild const& wanted) {
  auto const token = parse_completion_token(wanted.promise);
  if (!token) return delivered(wanted, token.error());
  OutsideInput input{token->operation, token->attempt, token->proof, {}};
  input.session = wanted.origin.session;
  input.taint = wanted.taint;
  input.senders = wanted.senders;
  if (wanted.ask == storage::SessionAsk::resolve) {
    input.what = completed_outside(*wanted.input);
  } else {
    auto const why = parse_json(*wanted.input);
    if (!why) return delivered(wanted, why.error());
    auto const text = [&why](std::string_view name) {
      auto const* const value = why->find(name);
      return value != nullptr && value->as_string() != nullptr ? *value->as_string()
                                                               : std::string();
    };
    input.what = failed_outside(ActivityError(text("type"), text("message")));
  }
  send_(wanted.session,
        OutsideMessage{wanted.session,
                       token->run,
                       std::move(input),
                       {},
                       [this, wanted](Result<Receipt> const& receipt) {
                         // It may have been this one that settled it, before a crash.
                         bool const settled = receipt || receipt.error().code == Errc::ended;
                         delivered(wanted, settled ? Result<>() : Result<>(receipt.error()));
                       }});
}

/// The operation ends whose message came to its session, or never will.
void Errands::delivered(StartChild const& wanted, Result<> const& done) {
  ChildEndInput end;
  end.operation = wanted.origin.operation;
  end.session = wanted.session.name;
  if (done) {
    end.payload = "null";
  } else {
    if (done.error().code == Errc::io) return not_done(wanted.session, done.error());
    // Whoever has too much to do may have it for long: the sender is to know.
    if (may_pass(done.error().code) && done.error().code != Errc::overloaded) return;
    end.outcome = storage::ChildOutcome::failed;
    end.type = name_of(done.error().code);
    end.message = done.error().detail;
  }
  send_(asking(wanted.session, wanted.origin),
        InputMessage{asking(wanted.session, wanted.origin), wanted.origin.run, std::move(end)});
}

void Errands::tell(TellChild const& told) {
  send_(told.session, ParentMessage{told.session, {told.parent, told.close, told.reason}});
}

void Errands::report(SessionId const& session, AnnounceEnd const& end) {
  if (!end.parent) return;
  ChildEndInput input;
  input.operation = end.parent->operation;
  input.session = session.name;
  input.run = end.run;
  input.payload = end.result;
  input.type = end.type;
  input.message = end.message;
  input.taint = end.taint;
  input.senders = end.senders;
  switch (end.status) {
    case storage::SessionStatus::completed:
      input.outcome = storage::ChildOutcome::completed;
      break;
    case storage::SessionStatus::cancelled:
      input.outcome = storage::ChildOutcome::cancelled;
      break;
    default:
      input.outcome = storage::ChildOutcome::failed;
  }
  auto const parent = asking(session, *end.parent);
  send_(parent, InputMessage{parent, end.parent->run, std::move(input)});
}

Result<> Errands::run_all() {
  std::vector<storage::Errand> errands;
  TRY_VOID(log_.scan_errands([&errands](storage::Errand const& errand) {
    errands.push_back(errand);
    return true;
  }));
  for (auto const& errand : errands) TRY_VOID(run(errand));
  return {};
}

Result<> Errands::run(storage::Errand const& errand) {
  auto done =
      errand.kind == storage::ErrandKind::report ? run_report(errand) : run_for_child(errand);
  if (done || done.error().code == Errc::io) return done;
  say_(errand.session, done.error().detail);  // one that cannot be read is no reason to stop
  return {};
}

/// What a run asked for about another session: that it start, or what it is to be told.
Result<> Errands::run_for_child(storage::Errand const& errand) {
  std::optional<StartChild> start;
  std::optional<storage::PolicyDecided> decided;
  std::optional<TellChild> told;
  Result<> readable;
  auto const look = [&](SessionState const& state, storage::Event const& event) {
    if (event.operation != errand.operation) return true;
    auto const found = state.operations.find(event.operation);
    if (found == state.operations.end() || !found->second.child) return true;
    auto const& operation = found->second;
    storage::Origin const origin{
        errand.session.name, errand.run, errand.operation, operation.child->detached};
    SessionId const child{errand.session.tenant, operation.child->session};
    if (auto const* const decision = std::get_if<storage::PolicyDecided>(&event.body)) {
      decided = *decision;
    } else if (std::holds_alternative<storage::ChildStarted>(event.body) && decided) {
      auto const permit = Permit::from(errand.run, errand.operation, *decided);
      auto input = text_of(log_, errand.session, operation.input);
      if (!input) readable = input.error();
      if (!permit || !input) return false;
      start = start_of(
          state, event.operation, *permit, std::make_shared<std::string const>(std::move(*input)));
    } else if (auto const* const asked = std::get_if<storage::CancellationAsked>(&event.body)) {
      told = TellChild{child, origin, std::nullopt, asked->reason};
    } else if (auto const* const ended = std::get_if<storage::OperationCancelled>(&event.body)) {
      if (ended->told)
        told = TellChild{child,
                         origin,
                         ended->told,
                         "its parent, " + errand.session.name + ": " + ended->reason};
    } else if (std::holds_alternative<storage::ChildEnded>(event.body)) {
      start.reset();
      told.reset();
    }
    return true;
  };
  TRY(auto const state, fold_run(log_, errand.session, errand.run, look));
  static_cast<void>(state);
  TRY_VOID(readable);
  if (errand.kind == storage::ErrandKind::start && start) this->start(*start);
  if (errand.kind == storage::ErrandKind::tell && told) tell(*told);
  return {};
}

Result<> Errands::run_report(storage::Errand const& errand) {
  std::optional<AnnounceEnd> end;
  Result<> readable;
  auto const look = [&](SessionState const& state, storage::Event const& event) {
    if (auto const* const completed = std::get_if<storage::SessionCompleted>(&event.body)) {
      auto result = text_of(log_, errand.session, completed->result);
      if (!result) {
        readable = result.error();
        return false;
      }
      end.emplace().result = std::move(*result);
    } else if (auto const* const failed = std::get_if<storage::SessionFailed>(&event.body)) {
      end = AnnounceEnd{storage::SessionStatus::failed, {}, failed->type, failed->message};
    } else if (auto const* const cancelled = std::get_if<storage::SessionCancelled>(&event.body)) {
      end = AnnounceEnd{storage::SessionStatus::cancelled, {}, "cancelled", cancelled->reason};
    } else {
      return true;
    }
    end->parent = state.parent;
    end->run = errand.run;
    end->taint.assign(state.taint.begin(), state.taint.end());
    for (auto const& [name, first] : state.senders) end->senders.push_back(name);
    return true;
  };
  TRY(auto const state, fold_run(log_, errand.session, errand.run, look));
  static_cast<void>(state);
  TRY_VOID(readable);
  if (end) report(errand.session, *end);
  return {};
}

}  // namespace dalsegno::engine
