#pragma once

#include "dalsegno/ids.h"
#include "engine/policy/permit.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno::engine {

/// Make one attempt of a call. Cannot be built without a permit.
struct StartAttempt {
  Permit permit;
  SessionId session;
  RunId run;
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  std::uint64_t epoch = 0;
  storage::OperationKind kind = storage::OperationKind::activity;
  std::string name;
  std::shared_ptr<std::string const> input;  // shared: a retry sends the same bytes again
  storage::Digest input_digest;
  std::string workflow;
  storage::PolicyDecided decision;  ///< that the permit comes from
  bool asks_first = false;  ///< an earlier attempt may have had the effect: the far side knows
  bool watched = false;     ///< the session asks who performs it how it goes (AttemptWatch)
  std::string heartbeat_details = {};  ///< that an earlier attempt reported, JSON; "": none
};

/// Tell whoever asked: the answer to the turn at sequence `turn`.
struct GiveAnswer {
  Sequence turn = 0;
  std::string answer;  ///< JSON
};

/// Tell whoever waits: the session ended.
struct AnnounceEnd {
  storage::SessionStatus status = storage::SessionStatus::completed;
  std::string result;  ///< JSON, when completed
  std::string type;    ///< when failed
  std::string message;
};

using Effect = std::variant<StartAttempt, GiveAnswer, AnnounceEnd>;

/// What one input leads to: the events to append, and the effects to perform once these are
/// durable.
struct StepResult {
  storage::Append append;
  std::vector<storage::Event> events;
  Time recorded_at;
  std::vector<Effect> effects;
};

}  // namespace dalsegno::engine
