#include "engine/replay/fold_session.h"

#include "dalsegno/try.h"
#include "storage/log/chain.h"
#include "storage/log/journal.h"

#include <utility>

namespace dalsegno::engine {

Result<SessionState> fold_session(storage::EventLog const& log, SessionId const& session) {
  TRY(auto const head, log.head(session));
  if (!head) return Error{Errc::not_found, "there is no session " + to_string(session)};
  SessionState state;
  state.session = session;
  state.run = head->run;
  state.log_id = log.info().log_id;
  TRY_VOID(storage::read_verified(
      log, session, head->run, 1, storage::Reading::show, [&](storage::DecodedStep const& step) {
        // A store that is being written may have more by now.
        if (step.step.header.first_sequence > head->last_sequence) return false;
        for (auto const& event : step.step.events)
          apply(state, event, step.step.header.recorded_at);
        apply_step_end(state, step.step.header, step.hash);
        return true;
      }));
  return state;
}

Result<> each_open_session(storage::EventLog const& log,
                           std::function<Result<>(SessionState const&)> const& use) {
  Result<> outcome;
  TRY_VOID(log.scan_heads([&](SessionId const& session, storage::Head const& head) {
    if (head.status != storage::SessionStatus::open || session == storage::journal_session())
      return true;
    auto const state = fold_session(log, session);
    outcome = state ? use(*state) : Result<>(state.error());
    return outcome.has_value();
  }));
  return outcome;
}

Result<std::string> text_of(storage::EventLog const& log,
                            SessionId const& session,
                            storage::Payload const& payload) {
  if (!payload.artifact) return payload.bytes;
  return log.artifact(session, payload.artifact->digest);
}

}  // namespace dalsegno::engine
