#pragma once

// The events of a session's log as values. How they stand on disk: event.fbs, codec.h and
// storage/format.md.

#include "dalsegno/contact.h"
#include "dalsegno/ids.h"
#include "storage/event/digest.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno::storage {

/// How the bytes of a payload slot are to be read. Numbers are on disk: never reuse one.
enum class Codec : std::uint8_t { plain = 0 };

struct ArtifactRef {
  Digest digest;  ///< keyed with the session's secret
  std::uint64_t size_bytes = 0;

  friend bool operator==(ArtifactRef const&, ArtifactRef const&) = default;
};

/// A slot that holds user data: the bytes themselves, or a reference to an artifact that does.
/// Key id and salt are those of the sealing key: 0 and empty while the slot is in the clear.
struct Payload {
  Codec codec = Codec::plain;
  std::uint32_t key_id = 0;
  std::string salt;
  std::string content_type;  ///< empty means application/json
  std::string bytes;         ///< empty when `artifact` is set
  std::optional<ArtifactRef> artifact;

  friend bool operator==(Payload const&, Payload const&) = default;
};

enum class OperationKind : std::uint8_t {
  activity = 0,
  model = 1,
  tool = 2,
  sleep = 3,
  receive = 4,
  approval = 5,
  child = 6,
  message = 7,  ///< to another session
  promise = 8   ///< kept by whoever has its token
};

/// What becomes of an effect whose operation is cancelled. Numbers are on disk: never reuse one.
enum class CancelMode : std::uint8_t {
  attempt = 0,  ///< it is told, and not waited for
  wait = 1,     ///< it is told, and the operation ends as it ends
  abandon = 2   ///< it is not told
};

/// What becomes of a child when its parent ends. Numbers are on disk: never reuse one.
enum class ParentClose : std::uint8_t { terminate = 0, cancel = 1, abandon = 2 };

/// Whether a session that has ended may be started again. Numbers are on disk: never reuse one.
enum class Reuse : std::uint8_t { reject = 0, allow = 1, allow_if_failed = 2 };

/// What an operation asks of another session: to begin, or to take a signal, or what a promise of
/// it comes to. Numbers are on disk: never reuse one.
enum class SessionAsk : std::uint8_t { start = 0, signal = 1, resolve = 2, reject = 3 };

/// What a call can do, as its tool declares it. Numbers are on disk: never reuse one.
enum class Risk : std::uint8_t {
  undeclared = 0,
  read = 1,
  write = 2,
  destructive = 3,
  money = 4,
  external = 5
};

/// What may follow when nobody knows whether an attempt had its effect. Numbers are on disk: never
/// reuse one.
enum class EffectClass : std::uint8_t {
  idempotent = 0,    ///< it is made again
  reconcilable = 1,  ///< it is made again, but the far side is asked first
  at_most_once = 2   ///< it is not made again: a person decides
};

/// On what terms a call is made, as recorded with its request. Limits of 0: none.
struct CallTerms {
  std::uint64_t schedule_to_start_ms = 0;
  std::uint64_t schedule_to_close_ms = 0;
  std::uint64_t heartbeat_ms = 0;
  EffectClass effect = EffectClass::idempotent;

  friend bool operator==(CallTerms const&, CallTerms const&) = default;
};

/// Retry policy as recorded with the request of an operation.
struct RecordedRetry {
  std::uint32_t max_attempts = 0;  ///< 0: no bound
  std::uint64_t initial_ms = 0;
  std::uint64_t max_interval_ms = 0;
  double factor = 2.0;
  double jitter = 0.1;
  std::vector<std::string> non_retryable = {};  ///< types of failures

  friend bool operator==(RecordedRetry const&, RecordedRetry const&) = default;
};

/// The operation of another session of the same tenant that asked for a session.
struct Origin {
  std::string session;  ///< its name
  RunId run;
  OperationId operation = OperationId::none;
  bool detached = false;  ///< nobody waits for its end
  friend bool operator==(Origin const&, Origin const&) = default;
};

/// The session that an operation asks for, or asks something of; the tenant is the same.
struct ChildRecord {
  std::string session;  ///< its name
  ParentClose parent_close = ParentClose::terminate;
  Reuse reuse = Reuse::reject;
  bool detached = false;  ///< the operation ends when it has been started
  std::optional<Time> not_before = {};
  SessionAsk ask = SessionAsk::start;
  std::string signal = {};    ///< the signal's name
  std::string promise = {};   ///< the promise's token
  std::string workflow = {};  ///< is started where there is none to take the signal; "": none is
  bool bare = false;          ///< what taints the sender is not handed on: no data of it goes along
  friend bool operator==(ChildRecord const&, ChildRecord const&) = default;
};

/// The run that a run was forked from; the tenant is the same.
struct ForkOrigin {
  std::string session;  ///< its name
  RunId run;
  Sequence sequence = 0;  ///< events up to here are copies of that run's; 0: none are
  friend bool operator==(ForkOrigin const&, ForkOrigin const&) = default;
};

// ---- inputs: the first event of a step ----

struct SessionStarted {
  std::string workflow;
  std::uint32_t rules_version = 0;
  std::string principal;
  Payload input;
  Digest input_digest;
  std::uint64_t random_seed = 0;
  std::optional<RunId> follows;  ///< the session's run before this one …
  Digest follows_hash;           ///< … and the hash of that run's last step
  Digest redaction = {};  ///< of the rules that redact what comes in; zero: it stays as it is
  std::optional<Origin> origin = {};    ///< who asked for it, if it was another session
  std::optional<Time> not_before = {};  ///< its code begins then; absent: at once
  std::optional<ForkOrigin> fork = {};  ///< see Forked
  friend bool operator==(SessionStarted const&, SessionStarted const&) = default;
};

struct InputReceived {
  std::string signal;
  std::string producer_key;  ///< "" when the sender named none
  std::string principal;
  Payload payload;
  Digest payload_digest;
  /// It came as this event of the run that this one continues, and was not received there, or of
  /// one that this one was forked from; 0: it came to this run.
  Sequence carried_from = 0;
  bool update = false;  ///< for the update handler of that name: it waits in no inbox
  /// Of the session that sent it: this one's from here on.
  std::vector<std::string> taint = {};
  std::vector<std::string> senders = {};
  friend bool operator==(InputReceived const&, InputReceived const&) = default;
};

struct OperationCompleted {
  std::uint32_t attempt = 0;
  Payload result;
  std::vector<Contact> contacts = {};  ///< of the attempt, in order; so in all ends of attempts
  bool reconciled = false;             ///< the far side said that an earlier attempt had done it
  friend bool operator==(OperationCompleted const&, OperationCompleted const&) = default;
};

struct ModelCompleted {
  std::uint32_t attempt = 0;
  Payload result;
  std::string model;
  std::string finish;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::uint64_t cached_tokens = 0;
  std::vector<Contact> contacts = {};
  friend bool operator==(ModelCompleted const&, ModelCompleted const&) = default;
};

struct ToolCompleted {
  std::uint32_t attempt = 0;
  Payload result;
  bool is_error = false;
  std::vector<Contact> contacts = {};
  bool reconciled = false;  ///< see OperationCompleted
  friend bool operator==(ToolCompleted const&, ToolCompleted const&) = default;
};

struct AttemptFailed {
  std::uint32_t attempt = 0;
  std::string type;
  std::string message;
  bool retryable = true;
  std::optional<Time> retry_at;  ///< when the next attempt may start; absent: there is none
  std::vector<Contact> contacts = {};
  Payload heartbeat = {};        ///< the newest details that it reported; empty: none
  bool outcome_unknown = false;  ///< it may have had its effect; only said of calls to which that
                                 ///< matters
  friend bool operator==(AttemptFailed const&, AttemptFailed const&) = default;
};

/// An attempt that was under way when its process ended: it may have had its effect. Or its result
/// came when nobody waited for it any more; then its contacts are known.
struct AttemptOrphaned {
  std::uint32_t attempt = 0;
  std::string reason;
  std::optional<Time> retry_at;
  std::vector<Contact> contacts = {};
  friend bool operator==(AttemptOrphaned const&, AttemptOrphaned const&) = default;
};

struct TimerFired {
  Time due;
  friend bool operator==(TimerFired const&, TimerFired const&) = default;
};

struct Held {
  std::string kind;    ///< "divergence", "poisoned", "workflow_bug"
  std::string report;  ///< JSON
  friend bool operator==(Held const&, Held const&) = default;
};

struct Released {
  std::string by;
  std::string reason;
  friend bool operator==(Released const&, Released const&) = default;
};

struct OperatorActed {
  std::string by;
  std::string action;
  std::string reason;
  std::string credential = {};  ///< id of the token; "" when none was asked for
  std::string resource = {};
  std::string details = {};            ///< JSON
  std::string second = {};             ///< the second person, where one is needed
  std::string second_credential = {};  ///< and the id of their token
  bool break_glass = false;
  friend bool operator==(OperatorActed const&, OperatorActed const&) = default;
};

/// In the store's own session: this policy set decides from here on.
struct PolicyActivated {
  Digest digest;
  std::string name;
  Payload document;  ///< canonical JSON
  friend bool operator==(PolicyActivated const&, PolicyActivated const&) = default;
};

/// In the store's own session: a person accepted that acknowledged commits are gone.
struct LossAccepted {
  std::string by;
  std::string reason;
  std::uint32_t generation = 0;           ///< the generation that lost them
  std::uint64_t acknowledged_commit = 0;  ///< newest commit that had been acknowledged
  std::uint64_t found_commit = 0;         ///< newest commit that is still there
  friend bool operator==(LossAccepted const&, LossAccepted const&) = default;
};

// ---- commands: what the workflow asked for ----

struct OperationRequested {
  OperationKind kind = OperationKind::activity;
  std::string name;   ///< of the activity, model, tool or signal; "" for a sleep
  std::string label;  ///< the workflow's own name for it; "" when it gave none
  Payload input;
  Digest input_digest;
  RecordedRetry retry;
  std::uint64_t start_to_close_ms = 0;
  Risk risk = Risk::undeclared;
  bool untrusted = false;  ///< its result taints what follows
  CallTerms terms = {};
  CancelMode on_cancel = CancelMode::attempt;
  std::optional<ChildRecord> child = {};
  friend bool operator==(OperationRequested const&, OperationRequested const&) = default;
};

enum class DecisionEffect : std::uint8_t { deny = 0, permit = 1 };

/// A name and a JSON text.
struct NamedValue {
  std::string name;
  std::string value;
  friend bool operator==(NamedValue const&, NamedValue const&) = default;
};

/// Why the condition of a policy's rule could not be evaluated.
struct RuleError {
  std::string rule;
  std::string message;
  friend bool operator==(RuleError const&, RuleError const&) = default;
};

/// What a policy's permit asks of whoever acts on it. Source: docs/policy.md, "Obligations".
struct RecordedObligation {
  std::string kind;
  std::string rule;
  std::string parameters;  ///< canonical JSON
  friend bool operator==(RecordedObligation const&, RecordedObligation const&) = default;
};

/// What a policy that does not decide would have decided about the same request.
struct ShadowDecision {
  Digest policy;
  DecisionEffect effect = DecisionEffect::deny;
  std::vector<std::string> rules;
  std::string reason;
  std::vector<RuleError> errors;
  std::vector<RecordedObligation> obligations;
  friend bool operator==(ShadowDecision const&, ShadowDecision const&) = default;
};

/// A decision with all that it was made from, so that it can be made again: under its own policy or
/// any other.
struct PolicyDecided {
  std::uint32_t attempt = 0;
  DecisionEffect effect = DecisionEffect::deny;
  Digest policy;  ///< SHA-256 of the canonical policy document
  std::string principal;
  std::string action;    ///< "model.call", "tool.call", "activity.call"
  std::string resource;  ///< name of the model, tool or activity
  Digest input_digest;
  std::vector<std::string>
      rules;  ///< ids of the determining rules; empty: no rule matched (default deny)
  std::string reason;
  std::string principal_kind = {};  ///< empty: "workflow"
  std::vector<std::string> principal_roles = {};
  /// What else was known of the request, by the names that policies use ("risk", "taint" …).
  std::vector<NamedValue> attributes = {};
  /// What was asked of the surroundings, with the answers: "time" (microseconds since 1970),
  /// counters, "attribute:…", "fulfils". Source: docs/policy.md, "What a decision records".
  std::vector<NamedValue> ambient = {};
  std::vector<RuleError> errors = {};
  std::vector<RecordedObligation> obligations = {};  ///< of a permit
  std::vector<ShadowDecision> shadows = {};
  /// What is not among the attributes and roles was not known. False in decisions of versions that
  /// did not record them.
  bool complete = false;
  friend bool operator==(PolicyDecided const&, PolicyDecided const&) = default;
};

struct AttemptStarted {
  std::uint32_t attempt = 0;
  Digest input_digest;
  bool asks_first = false;  ///< the far side is asked whether an earlier attempt has done it
  friend bool operator==(AttemptStarted const&, AttemptStarted const&) = default;
};

struct OperationFailed {
  std::string type;
  std::string message;
  std::uint32_t attempts = 0;
  friend bool operator==(OperationFailed const&, OperationFailed const&) = default;
};

struct OperationCancelled {
  std::string reason;
  bool abandoned = false;                ///< its effect goes on and was not told
  std::optional<ParentClose> told = {};  ///< what the session that it asked for is told
  friend bool operator==(OperationCancelled const&, OperationCancelled const&) = default;
};

struct TimerStarted {
  Time due;
  friend bool operator==(TimerStarted const&, TimerStarted const&) = default;
};

struct ValueRecorded {
  std::string name;
  Payload value;
  friend bool operator==(ValueRecorded const&, ValueRecorded const&) = default;
};

/// A reply to a client: the answer to the turn that came in at sequence `turn`.
struct AnswerGiven {
  Sequence turn = 0;
  OperationId source = OperationId::none;  ///< the model call whose output it is
  Payload answer;
  friend bool operator==(AnswerGiven const&, AnswerGiven const&) = default;
};

struct AttributeSet {
  std::string name;
  Payload value;
  friend bool operator==(AttributeSet const&, AttributeSet const&) = default;
};

struct CheckpointTaken {
  Digest state_digest;  ///< SHA-256 of the checkpoint's bytes
  std::uint64_t size_bytes = 0;
  friend bool operator==(CheckpointTaken const&, CheckpointTaken const&) = default;
};

struct SessionCompleted {
  Payload result;
  std::uint32_t unread_signals = 0;
  friend bool operator==(SessionCompleted const&, SessionCompleted const&) = default;
};

struct SessionFailed {
  std::string type;
  std::string message;
  friend bool operator==(SessionFailed const&, SessionFailed const&) = default;
};

/// A change of the workflow's code, and which side of it this run is on: chosen once, then kept.
struct VersionChosen {
  std::string change;
  std::uint32_t version = 0;
  friend bool operator==(VersionChosen const&, VersionChosen const&) = default;
};

/// An input: somebody asked the workflow to end; it may do what it must before it does.
struct CancelRequested {
  std::string by;
  std::string reason;
  friend bool operator==(CancelRequested const&, CancelRequested const&) = default;
};

struct SessionCancelled {
  std::string reason;
  friend bool operator==(SessionCancelled const&, SessionCancelled const&) = default;
};

/// A call, or the workflow itself, waits for people to approve it.
struct ApprovalRequested {
  std::uint32_t attempt = 0;
  Digest input_digest;  ///< what is approved: these arguments and no others
  /// Roles, as names or globs, and people as "id:NAME"; empty: whoever may give approvals.
  std::vector<std::string> approvers;
  std::uint32_t quorum = 1;
  std::optional<Time> expires;
  std::optional<Time> escalate_at;
  std::vector<std::string> escalate_to;  ///< may approve from then on, too; as `approvers`
  std::string rule;                      ///< that asks for it; "" when the workflow does
  std::string reason;
  friend bool operator==(ApprovalRequested const&, ApprovalRequested const&) = default;
};

/// An input: what one person says to a request for approval.
struct ApprovalGiven {
  bool granted = false;
  std::string by;
  std::string credential;  ///< id of the token
  std::string reason;
  Digest input_digest;             ///< of the arguments that the person saw
  std::vector<std::string> roles;  ///< of the person, at that time
  friend bool operator==(ApprovalGiven const&, ApprovalGiven const&) = default;
};

/// Numbers are on disk.
enum class TokenKind : std::uint8_t { operators = 0, runtimes = 1, auditors = 2 };

/// In the operators' session: a token was made. The token itself is nowhere.
struct TokenCreated {
  std::string id;
  TokenKind kind = TokenKind::operators;
  Digest digest;  ///< SHA-256 of the token
  std::string owner;
  std::vector<std::string> roles;
  std::vector<std::string> scopes;
  std::string tenant;  ///< "" for all
  std::optional<Time> expires;
  std::string replaces;  ///< id of the token that it is to take over from
  bool break_glass = false;
  friend bool operator==(TokenCreated const&, TokenCreated const&) = default;
};

/// In the operators' session: a token ends, now or at a time to come.
struct TokenRevoked {
  std::string id;
  std::optional<Time> at;
  friend bool operator==(TokenRevoked const&, TokenRevoked const&) = default;
};

/// An input: an attempt gave a sign of life. Not each one is recorded, but one for each time that
/// its limit is prolonged, and all that come from outside.
struct HeartbeatRecorded {
  std::uint32_t attempt = 0;
  Time at;
  Payload details;  ///< empty: it reported none
  friend bool operator==(HeartbeatRecorded const&, HeartbeatRecorded const&) = default;
};

/// An input: whoever performed the attempt left its end to somebody outside, who has a token for
/// it.
struct AttemptDeferred {
  std::uint32_t attempt = 0;
  Payload heartbeat = {};
  std::vector<Contact> contacts = {};
  friend bool operator==(AttemptDeferred const&, AttemptDeferred const&) = default;
};

/// Nobody knows whether the operation had its effect, and it must not be made again: it waits for a
/// person.
struct OperationInDoubt {
  std::uint32_t attempt = 0;
  std::string reason;
  friend bool operator==(OperationInDoubt const&, OperationInDoubt const&) = default;
};

/// Numbers are on disk.
enum class DoubtResolution : std::uint8_t { completed = 0, failed = 1, retry = 2 };

/// An input: what a person says about an operation in doubt.
struct DoubtResolved {
  DoubtResolution resolution = DoubtResolution::completed;
  std::string by;
  std::string credential;  ///< id of the token; "" when none was asked for
  std::string reason;
  Payload result;  ///< when completed
  friend bool operator==(DoubtResolved const&, DoubtResolved const&) = default;
};

/// How often something of this kind and name was called.
struct CallCount {
  OperationKind kind = OperationKind::activity;
  std::string name;
  std::uint64_t count = 0;
  friend bool operator==(CallCount const&, CallCount const&) = default;
};

struct NamedPayload {
  std::string name;
  Payload value;
  friend bool operator==(NamedPayload const&, NamedPayload const&) = default;
};

/// In the first step of a run: what it takes over from the run that it continues, beside the
/// signals that were not received (InputReceived::carried_from), or from its parent. There may be
/// several.
struct RunCarried {
  std::vector<CallCount> calls;
  std::vector<std::string> taint;
  std::vector<std::string> senders;
  std::vector<NamedPayload> attributes;
  std::vector<NamedPayload> stored;  ///< in the keyed store
  friend bool operator==(RunCarried const&, RunCarried const&) = default;
};

/// The run ends, and the next one of the session begins in the same write.
struct ContinuedAsNew {
  RunId next;
  Payload input;  ///< what the next run begins with
  Digest input_digest;
  std::uint32_t unread_signals = 0;  ///< carried over
  friend bool operator==(ContinuedAsNew const&, ContinuedAsNew const&) = default;
};

/// Another session is to be started for the operation: once this is durable.
struct ChildStarted {
  std::string session;  ///< its name; the tenant is the same
  std::uint32_t attempt = 0;
  Digest input_digest;
  friend bool operator==(ChildStarted const&, ChildStarted const&) = default;
};

/// Numbers are on disk.
enum class ChildOutcome : std::uint8_t { completed = 0, failed = 1, cancelled = 2 };

/// An input: how the session ended that was started for the operation, or why it was not started
/// (then `run` is zero and `type` says what an Errc is called).
struct ChildEnded {
  RunId run;
  ChildOutcome outcome = ChildOutcome::completed;
  Payload result;
  std::string type;
  std::string message;
  std::vector<std::string> taint;    ///< of the session: what it brought back may derive from it
  std::vector<std::string> senders;  ///< who sent it signals
  friend bool operator==(ChildEnded const&, ChildEnded const&) = default;
};

/// An input of a child: its parent does not wait for it any more.
struct ParentEnded {
  ParentClose close = ParentClose::terminate;
  std::string reason;
  friend bool operator==(ParentEnded const&, ParentEnded const&) = default;
};

/// An operation was asked to end, and is waited for: it ends as its effect does.
struct CancellationAsked {
  std::string reason;
  friend bool operator==(CancellationAsked const&, CancellationAsked const&) = default;
};

enum class ControlVerb : std::uint8_t { pause, resume, cancel, terminate };

/// An input: what somebody who operates sessions asks of this one. It runs no code, so that it can
/// be recorded where there is none: a timer of operation 0, due at once, acts on it. A pause holds
/// from here on.
struct ControlAsked {
  ControlVerb verb = ControlVerb::pause;
  std::string by;
  std::string credential;  ///< id of the token that says who it is; "" when none was asked for
  std::string reason;
  friend bool operator==(ControlAsked const&, ControlAsked const&) = default;
};

/// An update has been dealt with.
struct UpdateEnded {
  Sequence update = 0;  ///< its InputReceived
  Payload result;       ///< JSON; empty when it failed
  std::string type;     ///< of the failure; "": it did not fail
  std::string message;
  friend bool operator==(UpdateEnded const&, UpdateEnded const&) = default;
};

/// A value of the session's keyed store has changed.
struct StoreChanged {
  std::string key;
  Payload value;  ///< JSON; empty when it was erased
  bool erased = false;
  friend bool operator==(StoreChanged const&, StoreChanged const&) = default;
};

/// An input: what a promise has come to, for whoever waits for it.
struct PromiseSettled {
  bool failed = false;
  Payload result;    ///< JSON; empty when it failed
  std::string type;  ///< of the failure
  std::string message;
  std::string session;  ///< name of the one that said so, in the same tenant; "": somebody outside
  std::vector<std::string> taint;    ///< of that session: this one's from here on
  std::vector<std::string> senders;  ///< to that session
  friend bool operator==(PromiseSettled const&, PromiseSettled const&) = default;
};

/// An input: here a run goes on from a copy of another one's steps, with random numbers of its own.
/// It runs no code: a timer of operation 0, due at once, lets that go on; attempts that were under
/// way are orphans. In a run's first step: it begins again as that run began. Signals in the same
/// step (InputReceived::carried_from) came to that run, or to one after it, later.
struct Forked {
  ForkOrigin from;
  std::uint64_t random_seed = 0;
  std::string by;
  std::string credential;  ///< id of the token that says who it is; "" when none was asked for
  std::string reason;
  std::uint64_t effects_after = 0;  ///< calls and children of that run, and of those after it,
                                    ///< that began later: they happened
  friend bool operator==(Forked const&, Forked const&) = default;
};

/// In the journal: a program began to run the store's sessions. What it wrote names the epoch.
struct EngineStarted {
  std::uint64_t epoch = 0;
  std::string build;  ///< which program: RuntimeOptions::build
  friend bool operator==(EngineStarted const&, EngineStarted const&) = default;
};

/// An event that a newer version wrote: it can be shown and its hash verified, not run.
struct UnknownBody {
  std::uint8_t type = 0;
  friend bool operator==(UnknownBody const&, UnknownBody const&) = default;
};

using EventBody = std::variant<UnknownBody,
                               SessionStarted,
                               InputReceived,
                               OperationRequested,
                               PolicyDecided,
                               AttemptStarted,
                               AttemptFailed,
                               AttemptOrphaned,
                               OperationCompleted,
                               OperationFailed,
                               OperationCancelled,
                               TimerStarted,
                               TimerFired,
                               ValueRecorded,
                               ModelCompleted,
                               ToolCompleted,
                               CheckpointTaken,
                               AttributeSet,
                               AnswerGiven,
                               Held,
                               Released,
                               OperatorActed,
                               PolicyActivated,
                               LossAccepted,
                               SessionCompleted,
                               SessionFailed,
                               VersionChosen,
                               CancelRequested,
                               SessionCancelled,
                               ApprovalRequested,
                               ApprovalGiven,
                               TokenCreated,
                               TokenRevoked,
                               HeartbeatRecorded,
                               AttemptDeferred,
                               OperationInDoubt,
                               DoubtResolved,
                               RunCarried,
                               ContinuedAsNew,
                               ChildStarted,
                               ChildEnded,
                               ParentEnded,
                               CancellationAsked,
                               ControlAsked,
                               UpdateEnded,
                               StoreChanged,
                               PromiseSettled,
                               Forked,
                               EngineStarted>;

struct Event {
  Sequence sequence = 0;
  OperationId operation =
      OperationId::none;  ///< the operation it belongs to; `none` for session events
  EventBody body;

  friend bool operator==(Event const&, Event const&) = default;
};

/// "pause", "resume", "cancel", "terminate".
[[nodiscard]] std::string_view name_of(ControlVerb verb);

/// "SessionStarted", "InputReceived", …
[[nodiscard]] std::string_view name_of(EventBody const& body);

/// What the attempt contacted whose end this is; empty for any other event.
[[nodiscard]] std::span<Contact const> contacts_of(EventBody const& body);

/// What the events of one step share.
struct StepHeader {
  std::uint16_t format = 1;
  RunId log_id;  ///< of the store
  SessionId session;
  RunId run;
  Sequence first_sequence = 1;
  std::uint64_t epoch = 0;
  Digest previous;  ///< hash of the run's previous step; for a run's first step all zero, or
                    ///< `follows_hash`
  Time recorded_at;
  Sequence cause = 0;  ///< the event that led to this step's input (AttemptStarted, TimerStarted
                       ///< …); 0: from outside

  friend bool operator==(StepHeader const&, StepHeader const&) = default;
};

/// The unit on disk: one input and the commands it caused.
struct Step {
  StepHeader header;
  std::vector<Event> events;  ///< 1 or more, sequences consecutive from header.first_sequence

  friend bool operator==(Step const&, Step const&) = default;
};

}  // namespace dalsegno::storage
