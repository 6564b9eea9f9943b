#include "tools/dalsegno/forensics/decisions.h"

#include "dalsegno/errors.h"
#include "dalsegno/try.h"
#include "engine/session/call_policy.h"
#include "engine/session/state.h"
#include "storage/event/copied.h"
#include "storage/log/chain.h"
#include "tools/dalsegno/forensics/history.h"

#include <string>
#include <utility>
#include <variant>

namespace dalsegno::forensics {
namespace {

/// What can be derived from the log though no decision recorded it: a session's own counters.
class DerivedCounters final : public engine::PolicyAmbient {
 public:
  DerivedCounters(engine::SessionState const& state, engine::OpenOperation const& operation)
      : state_(state), operation_(operation) {}

  [[nodiscard]] Time now() const override { return state_.last_time; }
  [[nodiscard]] std::optional<std::uint64_t> counter(engine::CounterKey const& key) const override {
    if (key.scope != engine::CounterScope::session || key.window) return std::nullopt;
    return engine::calls_before(state_, key, operation_);
  }

 private:
  engine::SessionState const& state_;
  engine::OpenOperation const& operation_;
};

/// Folds the events of one run and hands out its decisions.
class RunDecisions {
 public:
  RunDecisions(storage::EventLog const& log,
               SessionId const& session,
               RunId const& run,
               std::function<void(StoredDecision const&)> const& visit,
               std::function<void(RefusedCall const&)> const& visit_refused)
      : log_(log), session_(session), run_(run), visit_(visit), visit_refused_(visit_refused) {}

  void take(storage::DecodedStep const& step) {
    auto const recorded_at = step.step.header.recorded_at;
    auto const& first = step.step.events.front();
    if (first.sequence == 1) copied_up_to_ = storage::copied_up_to(first.body);
    for (auto const& event : step.step.events) {
      if (event.sequence <= copied_up_to_) {  // it was decided in another run
        engine::apply(state_, event, recorded_at);
        continue;
      }
      if (auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body))
        tell(event, *decided, recorded_at);
      if (auto const* const failed = std::get_if<storage::OperationFailed>(&event.body))
        tell_refused(event, *failed, recorded_at);
      engine::apply(state_, event, recorded_at);
    }
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  void tell(storage::Event const& event, storage::PolicyDecided const& decided, Time recorded_at) {
    ++count_;
    static engine::OpenOperation const none;
    auto const found = state_.operations.find(event.operation);
    auto const& operation = found == state_.operations.end() ? none : found->second;
    DerivedCounters const derived(state_, operation);
    engine::DecisionContext context{.session = &session_,
                                    .workflow = state_.workflow,
                                    .recorded_at = recorded_at,
                                    .arguments = {},
                                    .derived = &derived};
    std::string artifact;
    if (found != state_.operations.end()) {
      if (!operation.input.artifact) {
        context.arguments = operation.input.bytes;
      } else if (auto bytes = bytes_of(log_, session_, operation.input)) {
        artifact = std::move(*bytes);
        context.arguments = artifact;
      }
    }
    visit_({session_, run_, event.sequence, event.operation, decided, context});
  }

  void tell_refused(storage::Event const& event,
                    storage::OperationFailed const& failed,
                    Time recorded_at) const {
    auto const call = state_.operations.find(event.operation);
    bool const refused = failed.type == approval_denied || failed.type == approval_expired;
    if (!refused || call == state_.operations.end() || !visit_refused_) return;
    visit_refused_(
        {session_, run_, event.sequence, event.operation, recorded_at, call->second, failed});
  }

  storage::EventLog const& log_;
  SessionId const& session_;
  RunId const& run_;
  std::function<void(StoredDecision const&)> const& visit_;
  std::function<void(RefusedCall const&)> const& visit_refused_;
  engine::SessionState state_;
  std::uint64_t count_ = 0;
  Sequence copied_up_to_ = 0;
};

}  // namespace

Result<DecisionsRead> visit_decisions(
    storage::EventLog const& log,
    SessionId const& session,
    std::function<void(StoredDecision const&)> const& visit,
    std::function<void(RefusedCall const&)> const& visit_refused) {
  DecisionsRead out;
  TRY(auto const runs, log.runs(session));
  for (auto const& run : runs) {
    RunDecisions decisions(log, session, run, visit, visit_refused);
    auto const take = [&](storage::DecodedStep const& step) {
      ++out.steps;
      decisions.take(step);
      return true;
    };
    auto const read = storage::read_verified(log, session, run, 1, storage::Reading::show, take);
    out.decisions += decisions.count();
    if (read) continue;
    if (read.error().code == Errc::io) return read.error();
    out.broken = read.error();
  }
  return out;
}

}  // namespace dalsegno::forensics
