#include "engine/session/control_step.h"

#include "dalsegno/try.h"
#include "engine/session/doubt.h"
#include "storage/event/codec.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace dalsegno::engine {

namespace {

/// What the event belongs to.
struct Belongs {
  OperationId operation = OperationId::none;
  Sequence cause = 0;
};

Result<StepResult> make_step(SessionId const& session,
                             RunId const& log_id,
                             storage::Head const& head,
                             Belongs belongs,
                             storage::EventBody body,
                             Time now,
                             std::uint64_t epoch) {
  StepResult result;
  result.recorded_at = std::max(now, head.updated_at);
  storage::Step step;
  step.header.log_id = log_id;
  step.header.session = session;
  step.header.run = head.run;
  step.header.first_sequence = head.last_sequence + 1;
  step.header.epoch = epoch;
  step.header.previous = head.hash;
  step.header.recorded_at = result.recorded_at;
  step.header.cause = belongs.cause;
  step.events.push_back({step.header.first_sequence, belongs.operation, std::move(body)});
  TRY(auto encoded, storage::encode(step));

  auto& append = result.append;
  append.session = session;
  append.run = head.run;
  append.expected_sequence = head.last_sequence;
  append.first_sequence = step.header.first_sequence;
  append.epoch = epoch;
  append.head = head;
  append.head.last_sequence = step.header.first_sequence;
  append.head.hash = encoded.hash;
  append.head.epoch = epoch;
  append.head.updated_at = result.recorded_at;
  ++append.head.steps;
  auto const& made = step.events.front().body;
  if (std::holds_alternative<storage::Held>(made))
    append.head.status = storage::SessionStatus::held;
  if (std::holds_alternative<storage::Released>(made))
    append.head.status = storage::SessionStatus::open;
  append.step = std::move(encoded);
  result.events = std::move(step.events);
  return result;
}

}  // namespace

Result<StepResult> make_control_step(SessionId const& session,
                                     RunId const& log_id,
                                     storage::Head const& head,
                                     storage::EventBody body,
                                     Time now,
                                     std::uint64_t epoch) {
  return make_step(session, log_id, head, {}, std::move(body), now, epoch);
}

namespace {

Result<> refuse_unless_open(SessionState const& state) {
  auto const name = "session " + to_string(state.session);
  if (state.status == storage::SessionStatus::held)
    return Error{Errc::held, name + " is held: it takes no input until it is released"};
  if (state.status != storage::SessionStatus::open)
    return Error{Errc::ended, name + " has ended and takes no input"};
  return {};
}

/// The step of what a person says about an operation, with the timer that it arms.
Result<StepResult> make_answer_step(SessionState const& state,
                                    OperationId operation,
                                    storage::EventBody body,
                                    Time now,
                                    std::uint64_t epoch) {
  auto const found = state.operations.find(operation);
  Belongs const belongs{operation, found == state.operations.end() ? 0 : found->second.cause};
  TRY(auto result,
      make_step(state.session, state.log_id, head_of(state), belongs, std::move(body), now, epoch));
  auto after = state;
  apply(after, result.events.front(), result.recorded_at);
  auto const timer = [&](SessionState const& of) -> std::vector<storage::Timer> {
    auto const due = timer_of(of, operation);
    if (!due) return {};
    return {{*due, state.session, state.run, operation}};
  };
  auto& append = result.append;
  append.head.paused = head_of(after).paused;
  append.timers_cleared = timer(state);
  append.timers_set = timer(after);
  if (append.timers_cleared == append.timers_set) {
    append.timers_cleared.clear();
    append.timers_set.clear();
  }
  return result;
}

}  // namespace

Result<std::optional<storage::ControlAsked>> check_control(SessionState const& state,
                                                           ControlInput const& control) {
  using storage::ControlVerb;
  auto const name = "session " + to_string(state.session);
  if (control.by.empty()) return Error{Errc::invalid, name + ": say who asks for it"};
  constexpr std::size_t longest = 64 * 1024;
  if (control.by.size() + control.credential.size() + control.reason.size() > longest)
    return Error{
        Errc::too_large,
        name + ": who asks and why together have more than " + std::to_string(longest) + " bytes"};
  bool const held = state.status == storage::SessionStatus::held;
  if (!held || control.verb != ControlVerb::terminate) TRY_VOID(refuse_unless_open(state));
  auto const pending = [&](ControlVerb verb) {
    return std::ranges::find(state.controls, verb, &storage::ControlAsked::verb) !=
           state.controls.end();
  };
  bool so_already = pending(control.verb);
  switch (control.verb) {
    case ControlVerb::pause:
      so_already = state.paused && !pending(ControlVerb::resume);
      break;
    case ControlVerb::resume:
      so_already = so_already || !state.paused;
      break;
    case ControlVerb::cancel:
      so_already = so_already || state.cancel_requested;
      break;
    case ControlVerb::terminate:
      break;
  }
  if (so_already) return std::nullopt;
  return storage::ControlAsked{control.verb, control.by, control.credential, control.reason};
}

Result<std::optional<StepResult>> make_control_asked_step(SessionState const& state,
                                                          ControlInput const& control,
                                                          Time now,
                                                          std::uint64_t epoch) {
  TRY(auto const wanted, check_control(state, control));
  if (!wanted) return std::optional<StepResult>();
  TRY(auto step, make_answer_step(state, OperationId::none, *wanted, now, epoch));
  return std::optional<StepResult>(std::move(step));
}

Result<StepResult> make_approval_step(SessionState const& state,
                                      ApprovalInput const& input,
                                      Time now,
                                      std::uint64_t epoch) {
  TRY_VOID(refuse_unless_open(state));
  TRY(auto given, check_answer(state, input, std::max(now, state.last_time)));
  return make_answer_step(state, input.operation, std::move(given), now, epoch);
}

Result<StepResult> make_resolution_step(SessionState const& state,
                                        ResolveInput const& input,
                                        Time now,
                                        std::uint64_t epoch) {
  TRY_VOID(refuse_unless_open(state));
  TRY(auto resolved, check_resolution(state, input));
  if (input.resolution == storage::DoubtResolution::completed) {
    if (input.result.size() > storage::max_inline_payload_bytes)
      return Error{Errc::too_large,
                   "the result has " + std::to_string(input.result.size()) + " bytes; at most " +
                       std::to_string(storage::max_inline_payload_bytes) +
                       " can be given while no runtime has the store"};
    resolved.result.bytes = input.result;
  }
  return make_answer_step(state, input.operation, std::move(resolved), now, epoch);
}

}  // namespace dalsegno::engine
