#include "engine/session/checkpoint.h"

#include "dalsegno/payload.h"
#include "dalsegno/try.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace dalsegno::engine {

namespace {

// Named so that they can be described: Boost.Describe needs linkage for its members.
namespace checkpoint_json {

struct Payload {
  std::string content_type;
  std::string bytes;
  std::string artifact;
  std::uint64_t size_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Payload, (), (content_type, bytes, artifact, size_bytes))

struct Signal {
  std::uint64_t sequence = 0;
  std::string signal;
  Payload payload;
};
BOOST_DESCRIBE_STRUCT(Signal, (), (sequence, signal, payload))

struct Attribute {
  std::string name;
  Payload value;
};
BOOST_DESCRIBE_STRUCT(Attribute, (), (name, value))

struct Answer {
  bool granted = false;
  std::string by;
  std::string credential;
  std::string reason;
  std::vector<std::string> roles;
};
BOOST_DESCRIBE_STRUCT(Answer, (), (granted, by, credential, reason, roles))

struct Approval {
  std::uint32_t attempt = 0;
  std::string input_digest;
  std::vector<std::string> approvers;
  std::uint32_t quorum = 0;
  std::optional<std::int64_t> expires_us;
  std::optional<std::int64_t> escalate_at_us;
  std::vector<std::string> escalate_to;
  std::string rule;
  std::string reason;
  bool waiting = false;
  std::vector<Answer> given;
};
BOOST_DESCRIBE_STRUCT(Approval,
                      (),
                      (attempt,
                       input_digest,
                       approvers,
                       quorum,
                       expires_us,
                       escalate_at_us,
                       escalate_to,
                       rule,
                       reason,
                       waiting,
                       given))

struct Clock {
  std::optional<std::int64_t> start_by_us;
  std::optional<std::int64_t> close_by_us;
  std::optional<std::int64_t> beat_by_us;
  std::optional<std::int64_t> end_by_us;
  std::optional<std::int64_t> again_at_us;
};
BOOST_DESCRIBE_STRUCT(Clock, (), (start_by_us, close_by_us, beat_by_us, end_by_us, again_at_us))

struct Terms {
  std::uint64_t schedule_to_start_ms = 0;
  std::uint64_t schedule_to_close_ms = 0;
  std::uint64_t heartbeat_ms = 0;
  std::uint32_t effect = 0;
  Clock clock;
};
BOOST_DESCRIBE_STRUCT(Terms,
                      (),
                      (schedule_to_start_ms, schedule_to_close_ms, heartbeat_ms, effect, clock))

struct Resolution {
  std::uint32_t resolution = 0;
  std::string by;
  std::string credential;
  std::string reason;
  Payload result;
};
BOOST_DESCRIBE_STRUCT(Resolution, (), (resolution, by, credential, reason, result))

struct Doubt {
  std::uint32_t attempt = 0;
  std::string reason;
  std::int64_t since_us = 0;
  std::optional<Resolution> resolution;
};
BOOST_DESCRIBE_STRUCT(Doubt, (), (attempt, reason, since_us, resolution))

struct Child {
  std::string session;
  std::uint32_t parent_close = 0;
  std::uint32_t reuse = 0;
  bool detached = false;
  std::optional<std::int64_t> not_before_us;
  std::optional<std::uint32_t> ask;
  std::optional<std::string> signal;
  std::optional<std::string> promise;
  std::optional<std::string> workflow;
  std::optional<bool> bare;
};
BOOST_DESCRIBE_STRUCT(
    Child,
    (),
    (session, parent_close, reuse, detached, not_before_us, ask, signal, promise, workflow, bare))

struct Parent {
  std::string session;
  std::string run;
  std::uint64_t operation = 0;
};
BOOST_DESCRIBE_STRUCT(Parent, (), (session, run, operation))

// What came with later versions is optional, and left out where it is empty.
struct Operation {
  std::uint64_t id = 0;
  std::string label;
  std::uint32_t kind = 0;
  std::string name;
  Payload input;
  std::string input_digest;
  std::uint32_t max_attempts = 0;
  std::uint64_t initial_ms = 0;
  std::uint64_t max_interval_ms = 0;
  double factor = 0;
  double jitter = 0;
  std::uint64_t start_to_close_ms = 0;
  std::uint32_t risk = 0;
  std::uint32_t attempt = 0;
  bool attempt_open = false;
  std::uint32_t failed = 0;
  std::uint32_t orphaned = 0;
  std::uint64_t cause = 0;
  std::optional<std::int64_t> timer_due_us;
  std::optional<std::uint64_t> requested;
  std::optional<bool> untrusted;
  std::optional<std::int64_t> first_started_us;
  std::optional<std::vector<Approval>> approvals;
  std::optional<Terms> terms;
  std::optional<std::vector<std::string>> non_retryable;
  std::optional<Payload> heartbeat;
  std::optional<bool> deferred;
  std::optional<bool> unsure;
  std::optional<Doubt> doubt;
  std::optional<std::uint32_t> on_cancel;
  std::optional<bool> cancel_asked;
  std::optional<Child> child;
};
BOOST_DESCRIBE_STRUCT(Operation,
                      (),
                      (id,
                       label,
                       kind,
                       name,
                       input,
                       input_digest,
                       max_attempts,
                       initial_ms,
                       max_interval_ms,
                       factor,
                       jitter,
                       start_to_close_ms,
                       risk,
                       attempt,
                       attempt_open,
                       failed,
                       orphaned,
                       cause,
                       timer_due_us,
                       requested,
                       untrusted,
                       first_started_us,
                       approvals,
                       terms,
                       non_retryable,
                       heartbeat,
                       deferred,
                       unsure,
                       doubt,
                       on_cancel,
                       cancel_asked,
                       child))

struct Finished {
  std::uint64_t id = 0;
  std::string label;
  std::uint32_t kind = 0;
  std::string name;
  std::uint64_t ended_at = 0;
  std::uint32_t outcome = 0;
  std::uint64_t sequence = 0;
  Payload payload;
  std::string type;
  std::string message;
  std::uint32_t attempts = 0;
  std::vector<std::string> rules;
};
BOOST_DESCRIBE_STRUCT(
    Finished,
    (),
    (id, label, kind, name, ended_at, outcome, sequence, payload, type, message, attempts, rules))

struct Version {
  std::string change;
  std::uint32_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Version, (), (change, version))

struct Calls {
  std::uint32_t kind = 0;
  std::string name;
  std::uint64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Calls, (), (kind, name, count))

struct Sender {
  std::string name;
  std::uint64_t first = 0;
};
BOOST_DESCRIBE_STRUCT(Sender, (), (name, first))

struct Document {
  std::uint32_t format = 1;
  std::string tenant;
  std::string session;
  std::string run;
  std::string log_id;
  std::string workflow;
  std::string principal;
  std::uint32_t rules_version = 0;
  std::uint64_t sequence = 0;
  std::uint64_t steps = 0;
  std::int64_t started_at_us = 0;
  std::int64_t recorded_at_us = 0;
  std::string random_seed;  // 64 bits: more than JSON numbers hold
  std::uint64_t random_position = 0;
  std::uint64_t last_operation = 0;
  std::vector<Signal> inbox;
  std::vector<Attribute> attributes;
  std::vector<Operation> operations;
  std::vector<Finished> finished;
  std::vector<Version> versions;
  std::optional<std::string> cancel_requested;
  std::vector<Calls> calls;
  std::optional<std::vector<std::string>> taint;
  std::optional<std::vector<Sender>> senders;
  std::optional<std::string> follows;
  std::optional<Parent> parent;
  std::optional<std::vector<Attribute>> stored;
  std::string workflow_state;
};
BOOST_DESCRIBE_STRUCT(Document,
                      (),
                      (format,
                       tenant,
                       session,
                       run,
                       log_id,
                       workflow,
                       principal,
                       rules_version,
                       sequence,
                       steps,
                       started_at_us,
                       recorded_at_us,
                       random_seed,
                       random_position,
                       last_operation,
                       inbox,
                       attributes,
                       operations,
                       finished,
                       versions,
                       cancel_requested,
                       calls,
                       taint,
                       senders,
                       follows,
                       parent,
                       stored,
                       workflow_state))

}  // namespace checkpoint_json

checkpoint_json::Payload to_document(storage::Payload const& payload) {
  checkpoint_json::Payload document{payload.content_type, payload.bytes, {}, 0};
  if (payload.artifact) {
    document.artifact = storage::to_hex(payload.artifact->digest);
    document.size_bytes = payload.artifact->size_bytes;
  }
  return document;
}

Result<storage::Payload> from_document(checkpoint_json::Payload document) {
  storage::Payload payload;
  payload.content_type = std::move(document.content_type);
  payload.bytes = std::move(document.bytes);
  if (!document.artifact.empty()) {
    auto const digest = storage::parse_digest(document.artifact);
    if (!digest)
      return Error{Errc::corrupt, "checkpoint: an artifact's digest is not 64 hexadecimal digits"};
    payload.artifact = storage::ArtifactRef{*digest, document.size_bytes};
  }
  return payload;
}

Time time_of(std::int64_t microseconds) { return Time(std::chrono::microseconds(microseconds)); }

Error corrupt(std::string what) { return {Errc::corrupt, "checkpoint: " + std::move(what)}; }

std::optional<std::int64_t> microseconds_of(std::optional<Time> const& time) {
  return time ? std::optional(time->time_since_epoch().count()) : std::nullopt;
}

std::optional<Time> time_of(std::optional<std::int64_t> const& microseconds) {
  return microseconds ? std::optional(time_of(*microseconds)) : std::nullopt;
}

checkpoint_json::Approval to_document(AskedApproval const& asked) {
  auto const& request = asked.request;
  checkpoint_json::Approval document{request.attempt,
                                     storage::to_hex(request.input_digest),
                                     request.approvers,
                                     request.quorum,
                                     microseconds_of(request.expires),
                                     microseconds_of(request.escalate_at),
                                     request.escalate_to,
                                     request.rule,
                                     request.reason,
                                     asked.waiting,
                                     {}};
  for (auto const& answer : asked.given)
    document.given.push_back(
        {answer.granted, answer.by, answer.credential, answer.reason, answer.roles});
  return document;
}

Result<AskedApproval> from_document(checkpoint_json::Approval document) {
  AskedApproval asked;
  auto& request = asked.request;
  auto const digest = storage::parse_digest(document.input_digest);
  if (!digest) return corrupt("the digest of an approval is not 64 hexadecimal digits");
  request.input_digest = *digest;
  request.attempt = document.attempt;
  request.approvers = std::move(document.approvers);
  request.quorum = document.quorum;
  request.expires = time_of(document.expires_us);
  request.escalate_at = time_of(document.escalate_at_us);
  request.escalate_to = std::move(document.escalate_to);
  request.rule = std::move(document.rule);
  request.reason = std::move(document.reason);
  asked.waiting = document.waiting;
  for (auto& answer : document.given)
    asked.given.push_back({answer.granted,
                           std::move(answer.by),
                           std::move(answer.credential),
                           std::move(answer.reason),
                           std::move(answer.roles)});
  return asked;
}

checkpoint_json::Terms to_document(storage::CallTerms const& terms,
                                   storage::CallClock const& clock) {
  return {terms.schedule_to_start_ms,
          terms.schedule_to_close_ms,
          terms.heartbeat_ms,
          static_cast<std::uint32_t>(terms.effect),
          {microseconds_of(clock.start_by),
           microseconds_of(clock.close_by),
           microseconds_of(clock.beat_by),
           microseconds_of(clock.end_by),
           microseconds_of(clock.again_at)}};
}

Result<> read_terms(checkpoint_json::Terms const& document, OpenOperation& operation) {
  if (document.effect > static_cast<std::uint32_t>(storage::EffectClass::at_most_once))
    return corrupt("an operation of unknown effect class " + std::to_string(document.effect));
  operation.terms = {document.schedule_to_start_ms,
                     document.schedule_to_close_ms,
                     document.heartbeat_ms,
                     static_cast<storage::EffectClass>(document.effect)};
  auto const& clock = document.clock;
  operation.clock = {time_of(clock.start_by_us),
                     time_of(clock.close_by_us),
                     time_of(clock.beat_by_us),
                     time_of(clock.end_by_us),
                     time_of(clock.again_at_us)};
  return {};
}

/// The clock of a call without terms of its own is told by its timer.
void derive_clock(OpenOperation& operation) {
  if (operation.attempt_open) {
    operation.clock.close_by = operation.timer_due;
  } else if (!waits_for_approval(operation)) {
    operation.clock.again_at = operation.timer_due;
  }
}

checkpoint_json::Doubt to_document(Doubt const& doubt) {
  checkpoint_json::Doubt document{
      doubt.attempt, doubt.reason, doubt.since.time_since_epoch().count(), std::nullopt};
  if (auto const& said = doubt.resolution)
    document.resolution = {static_cast<std::uint32_t>(said->resolution),
                           said->by,
                           said->credential,
                           said->reason,
                           to_document(said->result)};
  return document;
}

std::optional<std::string> unless_empty(std::string const& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

Result<Doubt> from_document(checkpoint_json::Doubt document) {
  Doubt doubt{document.attempt, std::move(document.reason), time_of(document.since_us), {}};
  if (!document.resolution) return doubt;
  auto& said = *document.resolution;
  if (said.resolution > static_cast<std::uint32_t>(storage::DoubtResolution::retry))
    return corrupt("a doubt with unknown resolution " + std::to_string(said.resolution));
  TRY(auto result, from_document(std::move(said.result)));
  doubt.resolution = {static_cast<storage::DoubtResolution>(said.resolution),
                      std::move(said.by),
                      std::move(said.credential),
                      std::move(said.reason),
                      std::move(result)};
  return doubt;
}

checkpoint_json::Operation to_document(OperationId id, OpenOperation const& operation) {
  checkpoint_json::Operation document;
  document.id = static_cast<std::uint64_t>(id);
  document.label = operation.label;
  document.kind = static_cast<std::uint32_t>(operation.kind);
  document.name = operation.name;
  document.input = to_document(operation.input);
  document.input_digest = storage::to_hex(operation.input_digest);
  document.max_attempts = operation.retry.max_attempts;
  document.initial_ms = operation.retry.initial_ms;
  document.max_interval_ms = operation.retry.max_interval_ms;
  document.factor = operation.retry.factor;
  document.jitter = operation.retry.jitter;
  document.start_to_close_ms = operation.start_to_close_ms;
  document.risk = static_cast<std::uint32_t>(operation.risk);
  document.attempt = operation.attempt;
  document.attempt_open = operation.attempt_open;
  document.failed = operation.failed;
  document.orphaned = operation.orphaned;
  document.cause = operation.cause;
  if (operation.requested > 0) document.requested = operation.requested;
  document.timer_due_us = microseconds_of(operation.timer_due);
  if (operation.untrusted) document.untrusted = true;
  document.first_started_us = microseconds_of(operation.first_started);
  if (!operation.approvals.empty()) {
    auto& approvals = document.approvals.emplace();
    for (auto const& asked : operation.approvals) approvals.push_back(to_document(asked));
  }
  if (operation.terms != storage::CallTerms{})
    document.terms = to_document(operation.terms, operation.clock);
  if (!operation.retry.non_retryable.empty())
    document.non_retryable = operation.retry.non_retryable;
  if (operation.heartbeat != storage::Payload{})
    document.heartbeat = to_document(operation.heartbeat);
  if (operation.deferred) document.deferred = true;
  if (operation.unsure) document.unsure = true;
  if (operation.doubt) document.doubt = to_document(*operation.doubt);
  if (operation.on_cancel != storage::CancelMode::attempt)
    document.on_cancel = static_cast<std::uint32_t>(operation.on_cancel);
  if (operation.cancel_asked) document.cancel_asked = true;
  if (auto const& child = operation.child) {
    document.child = {child->session,
                      static_cast<std::uint32_t>(child->parent_close),
                      static_cast<std::uint32_t>(child->reuse),
                      child->detached,
                      microseconds_of(child->not_before),
                      std::nullopt,
                      unless_empty(child->signal),
                      unless_empty(child->promise),
                      unless_empty(child->workflow),
                      child->bare ? std::optional(true) : std::nullopt};
    if (child->ask != storage::SessionAsk::start)
      document.child->ask = static_cast<std::uint32_t>(child->ask);
  }
  return document;
}

Result<storage::ChildRecord> from_document(checkpoint_json::Child document) {
  if (document.parent_close > static_cast<std::uint32_t>(storage::ParentClose::abandon) ||
      document.reuse > static_cast<std::uint32_t>(storage::Reuse::allow_if_failed) ||
      document.ask.value_or(0) > static_cast<std::uint32_t>(storage::SessionAsk::reject))
    return corrupt("a child with settings that are not known");
  return storage::ChildRecord{std::move(document.session),
                              static_cast<storage::ParentClose>(document.parent_close),
                              static_cast<storage::Reuse>(document.reuse),
                              document.detached,
                              time_of(document.not_before_us),
                              static_cast<storage::SessionAsk>(document.ask.value_or(0)),
                              std::move(document.signal).value_or(""),
                              std::move(document.promise).value_or(""),
                              std::move(document.workflow).value_or(""),
                              document.bare.value_or(false)};
}

Result<storage::OperationKind> kind_of(std::uint32_t number) {
  if (number > static_cast<std::uint32_t>(storage::OperationKind::promise))
    return corrupt("an operation of unknown kind " + std::to_string(number));
  return static_cast<storage::OperationKind>(number);
}

Result<OpenOperation> from_document(checkpoint_json::Operation document) {
  OpenOperation operation;
  TRY(operation.kind, kind_of(document.kind));
  operation.name = std::move(document.name);
  operation.label = std::move(document.label);
  TRY(operation.input, from_document(std::move(document.input)));
  auto const digest = storage::parse_digest(document.input_digest);
  if (!digest) return corrupt("the digest of an input is not 64 hexadecimal digits");
  operation.input_digest = *digest;
  operation.retry = {document.max_attempts,
                     document.initial_ms,
                     document.max_interval_ms,
                     document.factor,
                     document.jitter,
                     std::move(document.non_retryable).value_or(std::vector<std::string>())};
  operation.start_to_close_ms = document.start_to_close_ms;
  if (document.risk > static_cast<std::uint32_t>(storage::Risk::external))
    return corrupt("an operation of unknown risk " + std::to_string(document.risk));
  operation.risk = static_cast<storage::Risk>(document.risk);
  operation.attempt = document.attempt;
  operation.attempt_open = document.attempt_open;
  operation.failed = document.failed;
  operation.orphaned = document.orphaned;
  operation.cause = document.cause;
  operation.requested = document.requested.value_or(0);
  operation.timer_due = time_of(document.timer_due_us);
  operation.untrusted = document.untrusted.value_or(false);
  operation.first_started = time_of(document.first_started_us);
  if (document.approvals) {
    for (auto& approval : *document.approvals) {
      TRY(auto asked, from_document(std::move(approval)));
      operation.approvals.push_back(std::move(asked));
    }
  }
  operation.deferred = document.deferred.value_or(false);
  operation.unsure = document.unsure.value_or(false);
  if (document.heartbeat) {
    TRY(operation.heartbeat, from_document(std::move(*document.heartbeat)));
  }
  if (document.doubt) {
    TRY(operation.doubt, from_document(std::move(*document.doubt)));
  }
  if (document.terms) {
    TRY_VOID(read_terms(*document.terms, operation));
  } else {
    derive_clock(operation);
  }
  auto const on_cancel = document.on_cancel.value_or(0);
  if (on_cancel > static_cast<std::uint32_t>(storage::CancelMode::abandon))
    return corrupt("an operation with an unknown way to be cancelled");
  operation.on_cancel = static_cast<storage::CancelMode>(on_cancel);
  operation.cancel_asked = document.cancel_asked.value_or(false);
  if (document.child) {
    TRY(operation.child, from_document(std::move(*document.child)));
  }
  return operation;
}

checkpoint_json::Finished to_document(FinishedOperation const& finished) {
  auto const& outcome = finished.outcome;
  return {static_cast<std::uint64_t>(finished.id),
          finished.label,
          static_cast<std::uint32_t>(finished.kind),
          finished.name,
          finished.ended_at,
          static_cast<std::uint32_t>(outcome.kind),
          outcome.sequence,
          to_document(finished.payload),
          outcome.type,
          outcome.message,
          outcome.attempts,
          outcome.rules};
}

Result<FinishedOperation> from_document(checkpoint_json::Finished document) {
  FinishedOperation finished;
  finished.id = static_cast<OperationId>(document.id);
  finished.label = std::move(document.label);
  TRY(finished.kind, kind_of(document.kind));
  finished.name = std::move(document.name);
  finished.ended_at = document.ended_at;
  TRY(finished.payload, from_document(std::move(document.payload)));
  auto& outcome = finished.outcome;
  if (document.outcome > static_cast<std::uint32_t>(detail::OutcomeKind::timed_out))
    return corrupt("an outcome of unknown kind " + std::to_string(document.outcome));
  outcome.kind = static_cast<detail::OutcomeKind>(document.outcome);
  outcome.sequence = document.sequence;
  outcome.type = std::move(document.type);
  outcome.message = std::move(document.message);
  outcome.attempts = document.attempts;
  outcome.rules = std::move(document.rules);
  return finished;
}

}  // namespace

std::string encode(Checkpoint const& checkpoint) {
  auto const& state = checkpoint.state;
  checkpoint_json::Document document;
  document.tenant = state.session.tenant;
  document.session = state.session.name;
  document.run = to_string(state.run);
  document.log_id = to_string(state.log_id);
  document.workflow = state.workflow;
  document.principal = state.principal;
  document.rules_version = state.rules_version;
  document.sequence = state.last_sequence;
  document.steps = state.steps;
  document.started_at_us = state.started_at.time_since_epoch().count();
  document.recorded_at_us = state.last_time.time_since_epoch().count();
  document.random_seed = std::to_string(state.random_seed);
  document.random_position = checkpoint.random_position;
  document.last_operation = state.last_operation;
  for (auto const& entry : state.inbox) {
    document.inbox.push_back({entry.sequence, entry.signal, to_document(entry.payload)});
  }
  for (auto const& [name, value] : state.attributes)
    document.attributes.push_back({name, to_document(value)});
  if (!state.stored.empty()) {
    auto& stored = document.stored.emplace();
    for (auto const& [key, value] : state.stored) stored.push_back({key, to_document(value)});
  }
  for (auto const& [id, operation] : state.operations) {
    if (!operation.label.empty()) document.operations.push_back(to_document(id, operation));
  }
  for (auto const& finished : checkpoint.finished)
    document.finished.push_back(to_document(finished));
  for (auto const& [change, version] : state.versions)
    document.versions.push_back({change, version});
  if (state.cancel_requested) document.cancel_requested = state.cancel_reason;
  for (auto const& [call, count] : state.calls)
    document.calls.push_back({static_cast<std::uint32_t>(call.first), call.second, count});
  if (!state.taint.empty()) document.taint.emplace(state.taint.begin(), state.taint.end());
  if (!state.senders.empty()) {
    auto& senders = document.senders.emplace();
    for (auto const& [name, first] : state.senders) senders.push_back({name, first});
  }
  if (state.follows) document.follows = to_string(*state.follows);
  if (auto const& parent = state.parent)
    document.parent = {
        parent->session, to_string(parent->run), static_cast<std::uint64_t>(parent->operation)};
  document.workflow_state = checkpoint.workflow_state;
  return to_json(document);
}

Result<Checkpoint> decode_checkpoint(std::string_view bytes) {
  auto parsed = from_json<checkpoint_json::Document>(bytes);
  if (!parsed) return corrupt(parsed.error().detail);
  auto& document = *parsed;
  if (document.format > 1) {
    return Error{Errc::newer_format,
                 "checkpoint: format " + std::to_string(document.format) +
                     " was written by a newer version; this one knows format 1"};
  }
  auto const run = parse_run_id(document.run);
  auto const log_id = parse_run_id(document.log_id);
  if (!run || !log_id) return corrupt("run or log id is not 32 hexadecimal digits");
  std::uint64_t seed = 0;
  for (char const digit : document.random_seed) {
    if (digit < '0' || digit > '9') return corrupt("random_seed is not a number");
    seed = seed * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  Checkpoint checkpoint;
  auto& state = checkpoint.state;
  state.session = {std::move(document.tenant), std::move(document.session)};
  state.run = *run;
  state.log_id = *log_id;
  state.workflow = std::move(document.workflow);
  state.principal = std::move(document.principal);
  state.rules_version = document.rules_version;
  state.last_sequence = document.sequence;
  state.checkpoint = document.sequence;
  state.steps = document.steps;
  state.started_at = time_of(document.started_at_us);
  state.last_time = time_of(document.recorded_at_us);
  state.random_seed = seed;
  state.last_operation = document.last_operation;
  for (auto& entry : document.inbox) {
    TRY(auto payload, from_document(std::move(entry.payload)));
    state.inbox.push_back({entry.sequence, std::move(entry.signal), std::move(payload)});
  }
  for (auto& entry : document.attributes) {
    TRY(auto value, from_document(std::move(entry.value)));
    state.attributes.emplace(std::move(entry.name), std::move(value));
  }
  if (document.stored) {
    for (auto& entry : *document.stored) {
      TRY(auto value, from_document(std::move(entry.value)));
      state.stored.emplace(std::move(entry.name), std::move(value));
    }
  }
  for (auto& entry : document.operations) {
    auto const id = static_cast<OperationId>(entry.id);
    TRY(auto operation, from_document(std::move(entry)));
    if (operation.label.empty()) return corrupt("an open operation without a name");
    state.operations.emplace(id, std::move(operation));
  }
  for (auto& entry : document.finished) {
    TRY(auto finished, from_document(std::move(entry)));
    checkpoint.finished.push_back(std::move(finished));
  }
  for (auto& entry : document.versions)
    state.versions.emplace(std::move(entry.change), entry.version);
  state.cancel_requested = document.cancel_requested.has_value();
  state.cancel_reason = document.cancel_requested.value_or("");
  for (auto& entry : document.calls) {
    TRY(auto const kind, kind_of(entry.kind));
    state.calls[{kind, std::move(entry.name)}] = entry.count;
  }
  if (document.taint) state.taint.insert(document.taint->begin(), document.taint->end());
  if (document.senders)
    for (auto& [name, first] : *document.senders) state.senders.emplace(std::move(name), first);
  if (document.follows) {
    state.follows = parse_run_id(*document.follows);
    if (!state.follows) return corrupt("the run that it follows is no id of a run");
  }
  if (document.parent) {
    auto const parent_run = parse_run_id(document.parent->run);
    if (!parent_run) return corrupt("the parent's run is no id of a run");
    state.parent = storage::Origin{std::move(document.parent->session),
                                   *parent_run,
                                   static_cast<OperationId>(document.parent->operation)};
  }
  checkpoint.random_position = document.random_position;
  checkpoint.workflow_state = std::move(document.workflow_state);
  return checkpoint;
}

}  // namespace dalsegno::engine
