#pragma once

#include "dalsegno/ids.h"
#include "engine/session/approval.h"
#include "storage/event/call_clock.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// Engine behaviours that may change later are switched by this number, which a session records
/// when it starts. 2: who sent a signal before a request cannot answer that.
inline constexpr std::uint32_t current_rules_version = 2;
inline constexpr std::uint32_t senders_since_rules = 2;

/// A signal that was recorded and not yet received.
struct InboxEntry {
  Sequence sequence = 0;
  std::string signal;
  storage::Payload payload;

  friend bool operator==(InboxEntry const&, InboxEntry const&) = default;
};

/// Nobody knows whether an operation had its effect.
struct Doubt {
  std::uint32_t attempt = 0;  ///< the newest one that may have had it
  std::string reason;
  Time since;
  /// What a person said; the operation's timer, which is due then, acts on it.
  std::optional<storage::DoubtResolved> resolution;

  friend bool operator==(Doubt const&, Doubt const&) = default;
};

/// An operation that has not ended.
struct OpenOperation {
  storage::OperationKind kind = storage::OperationKind::activity;
  std::string name;
  std::string label;  ///< the workflow's own name for it: it lasts over checkpoints
  storage::Payload input;
  storage::Digest input_digest;
  storage::RecordedRetry retry;
  std::uint64_t start_to_close_ms = 0;
  storage::Risk risk = storage::Risk::undeclared;
  bool untrusted = false;             ///< its result taints the session
  std::optional<Time> first_started;  ///< its first attempt
  std::uint32_t attempt = 0;          ///< the newest; 0: none yet
  bool attempt_open = false;   ///< started, and neither its result nor its failure is recorded
  std::uint32_t failed = 0;    ///< attempts that failed
  std::uint32_t orphaned = 0;  ///< attempts whose process ended
  /// Its newest AttemptStarted, TimerStarted or ApprovalRequested: what its next input comes from.
  Sequence cause = 0;
  Sequence requested = 0;  ///< its OperationRequested
  /// Its armed timer: a sleep, a deadline, the next attempt, an attempt's time limit; of one that
  /// waits for approval the next escalation or expiry, or at once, when somebody has answered.
  std::optional<Time> timer_due;
  std::vector<AskedApproval> approvals;  ///< by the rules that ask for them
  storage::CallTerms terms;
  storage::CallClock clock;
  storage::Payload heartbeat;  ///< the newest details that an attempt reported; empty: none
  bool deferred = false;       ///< its open attempt will be ended from outside
  bool unsure = false;         ///< its newest attempt has ended and may have had its effect
  std::optional<Doubt> doubt;
  storage::CancelMode on_cancel = storage::CancelMode::attempt;
  bool cancel_asked = false;                  ///< and it is waited for
  std::optional<storage::ChildRecord> child;  ///< the session that it asks for

  friend bool operator==(OpenOperation const&, OpenOperation const&) = default;
};

/// Whether something is under way for it outside of its session: an attempt, or a session that it
/// asked for.
[[nodiscard]] bool is_under_way(OpenOperation const& operation);

/// A session as its events tell it, without running workflow code: the fold of `apply` over them.
struct SessionState {
  SessionId session;
  RunId run;
  RunId log_id;
  std::string workflow;
  std::string principal;
  std::uint32_t rules_version = 0;
  storage::SessionStatus status = storage::SessionStatus::open;
  Sequence last_sequence = 0;
  storage::Digest hash;  ///< of the newest whole step
  std::uint64_t epoch = 0;
  std::uint64_t steps = 0;
  Time started_at;
  Time last_time;
  std::uint64_t random_seed = 0;
  std::uint64_t last_operation = 0;
  Sequence checkpoint = 0;
  std::deque<InboxEntry> inbox;
  std::map<OperationId, OpenOperation> operations;
  std::map<std::string, storage::Payload> attributes;
  std::map<std::string, storage::Payload> stored;  ///< the keyed store
  std::map<std::string, std::uint32_t> versions;   ///< of changes of the workflow's code
  /// What was asked of the session and is to be acted on; the timer of operation 0 does, which is
  /// due then. Until it has fired, no code runs.
  std::vector<storage::ControlAsked> controls;
  std::optional<Time> control_due;
  bool paused = false;         ///< no code runs, and no attempt begins
  std::set<Sequence> updates;  ///< taken in and not dealt with
  bool cancel_requested = false;
  std::string cancel_reason;
  /// How often each model, tool and activity was called: permitted and started, retries apart.
  std::map<std::pair<storage::OperationKind, std::string>, std::uint64_t> calls;
  /// Calls that brought back what is not to be trusted; all that comes after them may derive from
  /// it.
  std::set<std::string> taint;
  /// Who sent signals, and the sequence of the first: what is requested later may come from it.
  std::map<std::string, Sequence> senders;
  std::optional<RunId> follows;           ///< the run before this one
  std::optional<storage::Origin> parent;  ///< waits for the session's end
  /// What the code begins with when its time has come (SessionStarted::not_before); it is kept when
  /// that was.
  std::optional<storage::Payload> delayed_input;

  friend bool operator==(SessionState const&, SessionState const&) = default;
};

/// "tenant/session/run/operation": the same for every attempt of a call, and never used for
/// another.
[[nodiscard]] std::string idempotency_key(SessionId const& session,
                                          RunId const& run,
                                          OperationId operation);

/// A receiver and the signal it was given.
struct Delivery {
  OperationId receiver = OperationId::none;
  InboxEntry entry;
};

/// Folds one event of a step recorded at `recorded_at` into `state`. A signal goes to the receiver
/// that waits for it with the lowest number, else into the inbox; a new receiver takes the oldest
/// entry of its signal. Returns that meeting.
std::optional<Delivery> apply(SessionState& state, storage::Event const& event, Time recorded_at);

/// The armed timer of an operation, or of the session itself (operation 0).
[[nodiscard]] std::optional<Time> timer_of(SessionState const& state, OperationId operation);

/// Whether it stands still, whatever comes: it is paused, or is about to do what it was asked.
[[nodiscard]] inline bool stands_still(SessionState const& state) {
  return state.paused || state.control_due.has_value();
}

/// Whether a receiver waits for a signal of that name: it would not go into the inbox.
[[nodiscard]] bool awaited(SessionState const& state, std::string const& signal);

/// Ends a step: its hash, epoch and time.
void apply_step_end(SessionState& state,
                    storage::StepHeader const& header,
                    storage::Digest const& hash);

/// What the store keeps of it beside the steps.
[[nodiscard]] storage::Head head_of(SessionState const& state);

}  // namespace dalsegno::engine
