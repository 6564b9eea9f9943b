#include "engine/fork/later.h"

#include "dalsegno/try.h"
#include "engine/session/next_run.h"
#include "engine/session/overloaded.h"
#include "engine/session/state.h"
#include "storage/log/chain.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <variant>

namespace dalsegno::engine {

namespace {

using storage::OperationKind;

/// "" for what has no effect outside of the session.
std::string kind_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::activity:
      return "activity";
    case OperationKind::model:
      return "model";
    case OperationKind::tool:
      return "tool";
    case OperationKind::child:
      return "child";
    case OperationKind::message:
      return "message";
    default:
      return {};
  }
}

/// One run behind a point.
class RunEffects {
 public:
  RunEffects(SessionId const& session, RunId const& run, Sequence point, Later& later)
      : session_(session), run_(run), point_(point), later_(later) {}

  void take(storage::Event const& event) {
    if (event.sequence > point_ && !std::exchange(passed_, true)) {
      for (auto const& [id, call] : calls_)
        if (call.under_way) note(id, "under way");
    }
    std::visit(overloaded{
                   [&](storage::OperationRequested const& body) {
                     calls_[event.operation] = {kind_of(body.kind), body.name};
                   },
                   [&](storage::AttemptStarted const&) { begin(event.operation); },
                   [&](storage::ChildStarted const&) { begin(event.operation); },
                   [&](storage::AttemptFailed const&) { pause(event.operation); },
                   [&](storage::AttemptOrphaned const&) { pause(event.operation); },
                   [&](storage::OperationInDoubt const&) { end(event.operation, "in doubt"); },
                   [&](storage::OperationCompleted const&) { end(event.operation, "completed"); },
                   [&](storage::ModelCompleted const&) { end(event.operation, "completed"); },
                   [&](storage::ToolCompleted const&) { end(event.operation, "completed"); },
                   [&](storage::OperationFailed const&) { end(event.operation, "failed"); },
                   [&](storage::OperationCancelled const&) { end(event.operation, "cancelled"); },
                   [&](storage::ChildEnded const& body) {
                     end(event.operation,
                         body.outcome == storage::ChildOutcome::completed ? "completed"
                         : body.outcome == storage::ChildOutcome::failed  ? "failed"
                                                                          : "cancelled");
                   },
                   [&](storage::InputReceived const& body) {
                     if (passed_ && !body.update && body.carried_from == 0)
                       later_.signals.push_back({event.sequence, body});
                   },
                   [](auto const&) {},
               },
               event.body);
  }

 private:
  struct Call {
    std::string kind;
    std::string name;
    bool under_way = false;
    std::optional<std::size_t> place = {};  // in later_.effects
  };

  void begin(OperationId id) {
    calls_[id].under_way = true;
    if (passed_) note(id, "under way");
  }
  /// An attempt ended; another one may follow.
  void pause(OperationId id) { calls_[id].under_way = false; }
  void end(OperationId id, std::string outcome) {
    auto& call = calls_[id];
    call.under_way = false;
    if (call.place) later_.effects[*call.place].outcome = std::move(outcome);
  }
  void note(OperationId id, std::string outcome) {
    auto& call = calls_[id];
    if (call.kind.empty()) return;
    if (call.place) {
      later_.effects[*call.place].outcome = std::move(outcome);
      return;
    }
    call.place = later_.effects.size();
    later_.effects.push_back(
        {run_, id, call.kind, call.name, idempotency_key(session_, run_, id), std::move(outcome)});
  }

  SessionId const& session_;
  RunId const& run_;
  Sequence point_;
  Later& later_;
  std::map<OperationId, Call> calls_;
  bool passed_ = false;
};

}  // namespace

Result<storage::SessionStarted> start_of(storage::EventLog const& log,
                                         SessionId const& session,
                                         RunId const& run) {
  std::optional<storage::SessionStarted> started;
  TRY_VOID(storage::read_verified(
      log, session, run, 1, storage::Reading::show, [&](storage::DecodedStep const& step) {
        auto const* const body =
            std::get_if<storage::SessionStarted>(&step.step.events.front().body);
        if (body != nullptr) started = *body;
        return false;
      }));
  if (started) return std::move(*started);
  return Error{
      Errc::corrupt,
      "session " + to_string(session) + ": run " + to_string(run) + " does not say how it began"};
}

Result<Later> read_later(storage::EventLog const& log,
                         storage::KeyedDigester const& digester,
                         SessionId const& session,
                         RunId const& run,
                         Sequence point) {
  Later later;
  TRY(auto const runs, log.runs(session));
  for (auto current = run; std::ranges::find(runs, current) != runs.end();
       current = next_run(digester, current), point = 0) {
    RunEffects effects(session, current, point, later);
    TRY_VOID(storage::read_verified(
        log, session, current, 1, storage::Reading::show, [&](storage::DecodedStep const& step) {
          for (auto const& event : step.step.events) effects.take(event);
          return true;
        }));
  }
  return later;
}

}  // namespace dalsegno::engine
