#include "engine/runtime/run_lookup.h"

#include "dalsegno/try.h"
#include "storage/event/codec.h"

#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {

namespace {

/// The step of a run that holds a sequence; nothing: there is none.
Result<std::optional<storage::Step>> step_with(storage::EventLog const& log,
                                               SessionId const& session,
                                               RunId const& run,
                                               Sequence sequence) {
  std::optional<Result<storage::DecodedStep>> step;
  TRY_VOID(log.read_steps(session, run, sequence, [&](std::string_view bytes) {
    step = storage::decode(bytes, storage::Reading::show);
    return false;
  }));
  if (!step) return std::optional<storage::Step>();
  if (!*step) return step->error();
  return std::optional(std::move((*step)->step));
}

storage::InputReceived const* signal_at(std::optional<storage::Step> const& step,
                                        Sequence sequence) {
  if (!step) return nullptr;
  for (auto const& event : step->events)
    if (event.sequence == sequence) return std::get_if<storage::InputReceived>(&event.body);
  return nullptr;
}

/// Where the first step of a run has the signal that the run before had at `before`.
std::optional<Sequence> carried_to(storage::Step const& first, SignalPlace const& before) {
  auto const* const started = std::get_if<storage::SessionStarted>(&first.events.front().body);
  if (started == nullptr || started->follows != before.run) return std::nullopt;
  for (auto const& event : first.events) {
    auto const* const signal = std::get_if<storage::InputReceived>(&event.body);
    if (signal != nullptr && signal->carried_from == before.sequence) return event.sequence;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<storage::SessionStarted>> start_of_run(storage::EventLog const& log,
                                                            SessionId const& session,
                                                            RunId const& run) {
  TRY(auto const first, step_with(log, session, run, 1));
  auto const* const started =
      first ? std::get_if<storage::SessionStarted>(&first->events.front().body) : nullptr;
  return started == nullptr ? std::nullopt : std::optional(*started);
}

Result<std::optional<RunId>> run_asked_by(storage::EventLog const& log,
                                          SessionId const& session,
                                          storage::Origin const& origin) {
  TRY(auto const head, log.head(session));
  if (!head) return std::optional<RunId>();
  TRY(auto const runs, log.runs(session));
  std::optional<RunId> found;
  for (auto const& run : runs) {
    TRY(auto const started, start_of_run(log, session, run));
    if (!started || started->origin != origin) continue;
    if (!found || run == head->run) found = run;
  }
  if (!found || *found == head->run) return found;
  // Of those that continue each other the one that has ended otherwise.
  for (;;) {
    std::optional<RunId> next;
    for (auto const& run : runs) {
      TRY(auto const started, start_of_run(log, session, run));
      if (started && started->follows == found && started->origin == origin) next = run;
    }
    if (!next) return found;
    found = next;
  }
}

Result<SignalPlace> place_of_signal(storage::EventLog const& log,
                                    SessionId const& session,
                                    std::string_view key,
                                    SignalPlace known) {
  TRY(auto const runs, log.runs(session));
  if (runs.empty()) return known;
  // The session's newest run may be on its way to the disk still; what is recorded is not in it.
  if (runs.size() == 1) return SignalPlace{runs.front(), known.sequence};
  for (auto const& run : runs) {
    TRY(auto const step, step_with(log, session, run, known.sequence));
    auto const* const signal = signal_at(step, known.sequence);
    if (signal != nullptr && signal->producer_key == key) known.run = run;
  }
  for (bool moved = true; std::exchange(moved, false);) {
    for (auto const& run : runs) {
      TRY(auto const first, step_with(log, session, run, 1));
      auto const carried = first ? carried_to(*first, known) : std::nullopt;
      if (!carried) continue;
      known = {run, *carried};
      moved = true;
      break;
    }
  }
  return known;
}

Result<SessionState> fold_run(storage::EventLog const& log,
                              SessionId const& session,
                              RunId const& run,
                              LookAtEvent const& look) {
  SessionState state;
  state.session = session;
  state.run = run;
  state.log_id = log.info().log_id;
  Result<> readable;
  TRY_VOID(log.read_steps(session, run, 1, [&](std::string_view bytes) {
    auto const step = storage::decode(bytes, storage::Reading::show);
    if (!step) {
      readable = step.error();
      return false;
    }
    for (auto const& event : step->step.events) {
      if (!look(state, event)) return false;
      apply(state, event, step->step.header.recorded_at);
    }
    apply_step_end(state, step->step.header, step->hash);
    return true;
  }));
  TRY_VOID(readable);
  return state;
}

}  // namespace dalsegno::engine
