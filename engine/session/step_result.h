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

/// Tell whoever asked: the update that was recorded at `update` has been dealt with.
struct EndUpdate {
  Sequence update = 0;
  std::string result;  ///< JSON, when it did not fail
  std::string type;    ///< of the failure; "": it did not fail
  std::string message;
};

/// Start the session that an operation asks for, or hand it what the operation has for it. Cannot
/// be built without a permit.
struct StartChild {
  Permit permit;
  SessionId session;
  storage::Origin origin;
  storage::SessionAsk ask = storage::SessionAsk::start;
  std::string workflow;  ///< "": only a session that is there gets the signal
  std::string signal;
  std::string promise;                       ///< its token
  std::shared_ptr<std::string const> input;  // shared: with the operation
  std::string principal;
  storage::Reuse reuse = storage::Reuse::reject;
  std::optional<Time> not_before;
  std::vector<std::string> taint;  ///< of the session that asks
  std::vector<std::string> senders;
};

/// Tell a session that was asked for that nobody waits for it any more, or that it is to end.
struct TellChild {
  SessionId session;
  storage::Origin parent;
  std::optional<storage::ParentClose> close;  ///< as in ParentInput
  std::string reason;
};

/// Tell whoever waits: the session ended.
struct AnnounceEnd {
  storage::SessionStatus status = storage::SessionStatus::completed;
  std::string result;  ///< JSON, when completed
  std::string type;    ///< when failed
  std::string message;
  std::optional<storage::Origin> parent = {};  ///< is told, too
  RunId run = {};
  std::vector<std::string> taint = {};
  std::vector<std::string> senders = {};
};

using Effect =
    std::variant<StartAttempt, GiveAnswer, EndUpdate, AnnounceEnd, StartChild, TellChild>;

/// What a run takes over from the one that it continues, or from the session that asked for it.
struct CarriedOver {
  std::vector<storage::CallCount> calls = {};
  std::vector<std::string> taint = {};
  std::vector<std::string> senders = {};
  std::vector<storage::NamedPayload> attributes = {};
  std::vector<storage::NamedPayload> stored = {};  ///< in the keyed store
  std::vector<storage::InputReceived> signals = {};
  /// Of these signals, and perhaps not durable yet.
  std::vector<storage::StoredArtifact> artifacts = {};
};

/// The next run of a session, which begins with the end of this one.
struct Continuation {
  RunId run;
  storage::Predecessor follows;
  std::string input;  ///< JSON
  std::string principal;
  std::uint64_t random_seed = 0;
  std::optional<storage::Origin> parent;
  CarriedOver carried;
};

/// What one input leads to: the events to append, and the effects to perform once these are
/// durable.
struct StepResult {
  storage::Append append;
  std::vector<storage::Event> events;
  Time recorded_at;
  std::vector<Effect> effects;
  /// The run has ended and is to be continued: whoever appends this step appends the first one of
  /// that run with it.
  std::optional<Continuation> continuation = {};
  /// Steps that stand or fall with this one: the first ones of runs that continue it, in order.
  std::vector<StepResult> then = {};
};

}  // namespace dalsegno::engine
