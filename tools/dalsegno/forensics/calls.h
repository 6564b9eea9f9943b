#pragma once

// The calls of a run, put together from its events.

#include "dalsegno/ids.h"
#include "storage/event/event.h"
#include "tools/dalsegno/forensics/history.h"

#include <cstdint>
#include <map>
#include <vector>

namespace dalsegno::forensics {

/// One attempt of a call. A sequence of 0 means that there is no such event.
struct CallAttempt {
  std::uint32_t number = 0;
  Sequence decided = 0;
  Sequence started = 0;
  Sequence ended = 0;  ///< its result, its failure, or that it was orphaned
};

/// A model call, a tool call or an activity.
struct Call {
  OperationId operation = OperationId::none;
  storage::OperationKind kind = storage::OperationKind::activity;
  std::string name;
  Sequence requested = 0;
  std::vector<CallAttempt> attempts;  ///< in the order in which they are first mentioned
  Sequence ended = 0;  ///< its result, OperationFailed, OperationCancelled, or the denial
};

/// All calls, by operation; and when each signal was handed to the workflow.
struct Calls {
  std::map<OperationId, Call> by_operation;
  std::map<Sequence, Sequence>
      received;  ///< InputReceived → the event at which the workflow was given it
};

[[nodiscard]] Calls find_calls(History const& history);

/// "model", "tool", "activity", "sleep", "receive".
[[nodiscard]] std::string_view name_of(storage::OperationKind kind);
/// "model.call" …; what policy is asked.
[[nodiscard]] std::string_view action_of(storage::OperationKind kind);

/// The result that an event carries; nullptr when it is none.
[[nodiscard]] storage::Payload const* result_of(storage::EventBody const& body);

}  // namespace dalsegno::forensics
