#include "engine/fork/run_writer.h"

#include "dalsegno/try.h"
#include "storage/event/codec.h"

#include <utility>

namespace dalsegno::engine {

RunWriter::RunWriter(SessionId session,
                     RunId run,
                     RunId log_id,
                     std::uint64_t epoch,
                     std::optional<storage::Predecessor> follows)
    : follows_(follows), epoch_(epoch) {
  state_.session = std::move(session);
  state_.run = run;
  state_.log_id = log_id;
  if (follows_) state_.hash = follows_->hash;
}

Result<StepResult> RunWriter::write(std::vector<storage::Event> events,
                                    Time recorded_at,
                                    Sequence cause) {
  storage::Step step;
  step.header.log_id = state_.log_id;
  step.header.session = state_.session;
  step.header.run = state_.run;
  step.header.first_sequence = state_.last_sequence + 1;
  step.header.epoch = epoch_;
  step.header.previous = state_.hash;
  step.header.recorded_at = recorded_at;
  step.header.cause = cause;
  step.events = std::move(events);
  for (auto& event : step.events) {
    event.sequence = state_.last_sequence + 1;
    apply(state_, event, recorded_at);
  }
  TRY(auto encoded, storage::encode(step));
  apply_step_end(state_, step.header, encoded.hash);

  StepResult result;
  result.recorded_at = recorded_at;
  auto& append = result.append;
  append.session = state_.session;
  append.run = state_.run;
  append.expected_sequence = step.header.first_sequence - 1;
  append.first_sequence = step.header.first_sequence;
  append.epoch = epoch_;
  append.step = std::move(encoded);
  append.head = head_of(state_);
  if (append.expected_sequence == 0) append.follows = follows_;
  result.events = std::move(step.events);
  return result;
}

std::vector<storage::Timer> RunWriter::timers() const {
  std::vector<storage::Timer> timers;
  auto const add = [&](OperationId id, std::optional<Time> const& due) {
    if (due) timers.push_back({*due, state_.session, state_.run, id});
  };
  add(OperationId::none, state_.control_due);
  for (auto const& [id, operation] : state_.operations) add(id, operation.timer_due);
  return timers;
}

}  // namespace dalsegno::engine
