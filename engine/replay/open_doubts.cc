#include "engine/replay/open_doubts.h"

#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "engine/session/call_policy.h"
#include "engine/session/doubt.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dalsegno::engine {

namespace {

/// The call without what is in doubt about it. Errors: those of EventLog::artifact.
Result<CallInDoubt> describe(storage::EventLog const& log,
                             SessionState const& state,
                             OperationId id,
                             OpenOperation const& operation) {
  CallInDoubt call;
  call.session = state.session;
  call.operation = id;
  call.action = action_of(operation.kind);
  call.what = operation.name;
  call.attempt = operation.attempt;
  call.idempotency_key = idempotency_key(state.session, state.run, id);
  TRY(call.arguments, text_of(log, state.session, operation.input));
  return call;
}

}  // namespace

Result<std::vector<CallInDoubt>> open_doubts(storage::EventLog const& log,
                                             SessionState const& state) {
  std::vector<CallInDoubt> open;
  if (state.status != storage::SessionStatus::open) return open;
  for (auto const& [id, operation] : state.operations) {
    if (!is_in_doubt(operation)) continue;
    TRY(auto call, describe(log, state, id, operation));
    call.reason = operation.doubt->reason;
    call.since = operation.doubt->since;
    open.push_back(std::move(call));
  }
  return open;
}

Result<std::vector<CallInDoubt>> under_way_at_most_once(storage::EventLog const& log,
                                                        SessionState const& state) {
  std::vector<CallInDoubt> open;
  if (state.status != storage::SessionStatus::open) return open;
  for (auto const& [id, operation] : state.operations) {
    bool const meant = operation.attempt_open && !operation.deferred &&
                       operation.terms.effect == storage::EffectClass::at_most_once;
    if (!meant) continue;
    TRY(auto call, describe(log, state, id, operation));
    call.reason = "it is under way, or its runtime has ended";
    call.since = operation.first_started.value_or(state.last_time);
    open.push_back(std::move(call));
  }
  return open;
}

Result<std::vector<CallInDoubt>> open_doubts(storage::EventLog const& log) {
  std::vector<CallInDoubt> all;
  TRY_VOID(each_open_session(log, [&](SessionState const& state) -> Result<> {
    TRY(auto open, open_doubts(log, state));
    std::ranges::move(open, std::back_inserter(all));
    return {};
  }));
  return all;
}

ResolveInput to_input(OperationId operation,
                      Resolve resolution,
                      Resolver resolver,
                      std::string result) {
  return {operation,
          static_cast<storage::DoubtResolution>(resolution),
          std::move(result),
          std::move(resolver.by),
          std::move(resolver.credential),
          std::move(resolver.reason)};
}

}  // namespace dalsegno::engine
