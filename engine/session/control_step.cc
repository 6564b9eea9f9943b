#include "engine/session/control_step.h"

#include "dalsegno/try.h"
#include "storage/event/codec.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace dalsegno::engine {

Result<StepResult> make_control_step(SessionId const& session,
                                     RunId const& log_id,
                                     storage::Head const& head,
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
  step.events.push_back({step.header.first_sequence, OperationId::none, std::move(body)});
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

}  // namespace dalsegno::engine
