#include "storage/event/codec.h"
#include "storage/event/event_codec.h"

#include <bit>
#include <cmath>
#include <type_traits>

namespace dalsegno::storage {
namespace {

using flatbuffers::Offset;

struct Body {
  wire::EventBody type;
  Offset<void> offset;
};

wire::Digest to_wire(Digest const& digest) { return std::bit_cast<wire::Digest>(digest); }
wire::RunId to_wire(RunId const& id) { return std::bit_cast<wire::RunId>(id); }
wire::ArtifactRef to_wire(ArtifactRef const& artifact) {
  return wire::ArtifactRef(to_wire(artifact.digest), artifact.size_bytes);
}

/// A struct that a table may leave out, as its builder wants it: a pointer, null when there is
/// nothing to write.
template <class Struct>
struct Maybe {
  Struct value{};
  bool there = false;
  operator Struct const*() const {
    return there ? &value : nullptr;
  }  // NOLINT: an argument, at once
};

Maybe<wire::Digest> unless_zero(Digest const& digest) {
  return {to_wire(digest), digest != Digest{}};
}

template <class T>
auto if_there(std::optional<T> const& value) {
  Maybe<decltype(to_wire(*value))> maybe;
  if (value) maybe = {to_wire(*value), true};
  return maybe;
}

/// Writes one event into a buffer of its own. What cannot be written is left out and reported by
/// `problem`.
class EventWriter {
 public:
  explicit EventWriter(flatbuffers::FlatBufferBuilder& out) : out_(out) { out_.Clear(); }

  /// Lives until the buffer is used again.
  std::string_view write(Event const& event) {
    auto const body = std::visit([&](auto const& it) { return put(it); }, event.body);
    out_.Finish(wire::CreateEvent(
        out_, event.sequence, static_cast<std::uint64_t>(event.operation), body.type, body.offset));
    if (out_.GetSize() > max_event_bytes) too_large_ = true;
    return {reinterpret_cast<char const*>(out_.GetBufferPointer()), out_.GetSize()};
  }

  [[nodiscard]] std::optional<Errc> problem() const {
    if (invalid_) return Errc::invalid;
    if (too_large_) return Errc::too_large;
    return std::nullopt;
  }

 private:
  bool take(std::size_t bytes) {
    if (bytes > left_) too_large_ = true;
    if (too_large_) return false;
    left_ -= bytes;
    return true;
  }

  Offset<flatbuffers::String> text(std::string const& value) {
    if (value.empty() || !take(value.size())) return 0;
    return out_.CreateString(value);
  }

  Offset<flatbuffers::Vector<std::uint8_t>> octets(std::string const& value) {
    if (value.empty() || !take(value.size())) return 0;
    return out_.CreateVector(reinterpret_cast<std::uint8_t const*>(value.data()), value.size());
  }

  Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> texts(
      std::vector<std::string> const& values) {
    if (values.empty() || !take(values.size() * sizeof(std::uint32_t))) return 0;
    std::vector<Offset<flatbuffers::String>> offsets;
    offsets.reserve(values.size());
    for (auto const& value : values)
      offsets.push_back(
          out_.CreateString(take(value.size()) ? std::string_view(value) : std::string_view()));
    return out_.CreateVector(offsets);
  }

  /// Tables that `create` makes of values, one each.
  template <class Value, class Create>
  auto tables(std::vector<Value> const& values, Create create)
      -> Offset<flatbuffers::Vector<decltype(create(values.front()))>> {
    if (values.empty() || !take(values.size() * sizeof(std::uint32_t))) return 0;
    std::vector<decltype(create(values.front()))> offsets;
    offsets.reserve(values.size());
    for (auto const& value : values) offsets.push_back(create(value));
    return out_.CreateVector(offsets);
  }
  auto tables(std::vector<NamedValue> const& values) {
    return tables(values, [this](NamedValue const& it) {
      auto const name = text(it.name);
      auto const value = text(it.value);
      return wire::CreateNamedValue(out_, name, value);
    });
  }
  auto tables(std::vector<RuleError> const& values) {
    return tables(values, [this](RuleError const& it) {
      auto const rule = text(it.rule);
      auto const message = text(it.message);
      return wire::CreateRuleError(out_, rule, message);
    });
  }
  auto tables(std::vector<RecordedObligation> const& values) {
    return tables(values, [this](RecordedObligation const& it) {
      auto const kind = text(it.kind);
      auto const rule = text(it.rule);
      auto const parameters = text(it.parameters);
      return wire::CreateObligation(out_, kind, rule, parameters);
    });
  }
  auto tables(std::vector<ShadowDecision> const& values) {
    return tables(values, [this](ShadowDecision const& it) {
      auto const effect = enumerator(it.effect, wire::DecisionEffect::MAX);
      auto const rules = texts(it.rules);
      auto const reason = text(it.reason);
      auto const errors = tables(it.errors);
      auto const obligations = tables(it.obligations);
      return wire::CreateShadowDecision(
          out_, unless_zero(it.policy), effect, rules, reason, errors, obligations);
    });
  }

  auto tables(std::vector<Contact> const& values) {
    return tables(values, [this](Contact const& it) {
      auto const method = text(it.method);
      auto const url = text(it.url);
      auto const host = text(it.host);
      auto const answers = texts(it.answers);
      auto const address = text(it.address);
      auto const rules = texts(it.rules);
      auto const policy = text(it.policy);
      auto const policy_rules = texts(it.policy_rules);
      auto const outcome = text(it.outcome);
      auto const reason = text(it.reason);
      return wire::CreateContact(out_,
                                 method,
                                 url,
                                 host,
                                 it.port,
                                 answers,
                                 address,
                                 rules,
                                 policy,
                                 policy_rules,
                                 outcome,
                                 reason,
                                 it.status,
                                 it.bytes_sent,
                                 it.bytes_received,
                                 it.elapsed_us);
    });
  }

  template <class Wire, class Enum>
  Wire enumerator(Enum value, Wire last) {
    auto const number = static_cast<std::underlying_type_t<Wire>>(value);
    if (number > static_cast<std::underlying_type_t<Wire>>(last)) invalid_ = true;
    return static_cast<Wire>(number);
  }

  std::int64_t time(Time value) {
    auto const microseconds = value.time_since_epoch().count();
    if (microseconds < 0 || microseconds > max_time_microseconds) invalid_ = true;
    return microseconds;
  }

  flatbuffers::Optional<std::int64_t> time(std::optional<Time> value) {
    if (!value) return flatbuffers::nullopt;
    return time(*value);
  }

  Offset<wire::Payload> payload(Payload const& value) {
    if (value == Payload{}) return 0;
    if (value.artifact && !value.bytes.empty()) invalid_ = true;
    auto const salt = octets(value.salt);
    auto const content_type = text(value.content_type);
    auto const bytes = octets(value.bytes);
    auto const codec = enumerator(value.codec, wire::Codec::MAX);
    return wire::CreatePayload(
        out_, codec, value.key_id, salt, content_type, bytes, if_there(value.artifact));
  }

  Offset<wire::Retry> retry(RecordedRetry const& value) {
    if (value == RecordedRetry{}) return 0;
    if (!std::isfinite(value.factor) || !std::isfinite(value.jitter)) invalid_ = true;
    auto const non_retryable = texts(value.non_retryable);
    return wire::CreateRetry(out_,
                             value.max_attempts,
                             value.initial_ms,
                             value.max_interval_ms,
                             value.factor,
                             value.jitter,
                             non_retryable);
  }

  Offset<wire::CallTerms> terms(CallTerms const& value) {
    if (value == CallTerms{}) return 0;
    auto const effect = enumerator(value.effect, wire::EffectClass::MAX);
    return wire::CreateCallTerms(
        out_, value.schedule_to_start_ms, value.schedule_to_close_ms, value.heartbeat_ms, effect);
  }

  Offset<wire::Origin> origin(std::optional<Origin> const& value) {
    if (!value) return 0;
    auto const session = text(value->session);
    auto const run = to_wire(value->run);
    return wire::CreateOrigin(
        out_, session, &run, static_cast<std::uint64_t>(value->operation), value->detached);
  }

  Offset<wire::ForkOrigin> fork_origin(ForkOrigin const& value) {
    auto const session = text(value.session);
    auto const run = to_wire(value.run);
    return wire::CreateForkOrigin(out_, session, &run, value.sequence);
  }

  Offset<wire::Child> child(std::optional<ChildRecord> const& value) {
    if (!value) return 0;
    auto const session = text(value->session);
    auto const signal = text(value->signal);
    auto const promise = text(value->promise);
    auto const workflow = text(value->workflow);
    return wire::CreateChild(out_,
                             session,
                             enumerator(value->parent_close, wire::ParentClose::MAX),
                             enumerator(value->reuse, wire::Reuse::MAX),
                             value->detached,
                             time(value->not_before),
                             enumerator(value->ask, wire::SessionAsk::MAX),
                             signal,
                             promise,
                             workflow,
                             value->bare);
  }

  template <class Table>
  static Body body(Offset<Table> offset) {
    return {wire::EventBodyTraits<Table>::enum_value, offset.Union()};
  }

  Body put(UnknownBody const&) {
    invalid_ = true;  // we do not know what to write
    return {wire::EventBody::NONE, 0};
  }
  Body put(SessionStarted const& it) {
    auto const workflow = text(it.workflow);
    auto const principal = text(it.principal);
    auto const input = payload(it.input);
    auto const from = origin(it.origin);
    auto const fork = it.fork ? fork_origin(*it.fork) : Offset<wire::ForkOrigin>();
    return body(wire::CreateSessionStarted(out_,
                                           workflow,
                                           it.rules_version,
                                           principal,
                                           input,
                                           unless_zero(it.input_digest),
                                           it.random_seed,
                                           if_there(it.follows),
                                           unless_zero(it.follows_hash),
                                           unless_zero(it.redaction),
                                           from,
                                           time(it.not_before),
                                           fork));
  }
  Body put(InputReceived const& it) {
    auto const signal = text(it.signal);
    auto const producer_key = text(it.producer_key);
    auto const principal = text(it.principal);
    auto const input = payload(it.payload);
    auto const taint = texts(it.taint);
    auto const senders = texts(it.senders);
    return body(wire::CreateInputReceived(out_,
                                          signal,
                                          producer_key,
                                          principal,
                                          input,
                                          unless_zero(it.payload_digest),
                                          it.carried_from,
                                          it.update,
                                          taint,
                                          senders));
  }
  Body put(OperationRequested const& it) {
    auto const kind = enumerator(it.kind, wire::OperationKind::MAX);
    auto const risk = enumerator(it.risk, wire::Risk::MAX);
    auto const name = text(it.name);
    auto const label = text(it.label);
    auto const input = payload(it.input);
    auto const policy = retry(it.retry);
    auto const call_terms = terms(it.terms);
    auto const wanted = child(it.child);
    return body(wire::CreateOperationRequested(out_,
                                               kind,
                                               name,
                                               label,
                                               input,
                                               unless_zero(it.input_digest),
                                               policy,
                                               it.start_to_close_ms,
                                               risk,
                                               it.untrusted,
                                               call_terms,
                                               enumerator(it.on_cancel, wire::CancelMode::MAX),
                                               wanted));
  }
  Body put(PolicyDecided const& it) {
    auto const effect = enumerator(it.effect, wire::DecisionEffect::MAX);
    auto const principal = text(it.principal);
    auto const action = text(it.action);
    auto const resource = text(it.resource);
    auto const rules = texts(it.rules);
    auto const reason = text(it.reason);
    auto const principal_kind = text(it.principal_kind);
    auto const principal_roles = texts(it.principal_roles);
    auto const attributes = tables(it.attributes);
    auto const ambient = tables(it.ambient);
    auto const errors = tables(it.errors);
    auto const obligations = tables(it.obligations);
    auto const shadows = tables(it.shadows);
    return body(wire::CreatePolicyDecided(out_,
                                          it.attempt,
                                          effect,
                                          unless_zero(it.policy),
                                          principal,
                                          action,
                                          resource,
                                          unless_zero(it.input_digest),
                                          rules,
                                          reason,
                                          principal_kind,
                                          principal_roles,
                                          attributes,
                                          ambient,
                                          errors,
                                          obligations,
                                          shadows,
                                          it.complete));
  }
  Body put(AttemptStarted const& it) {
    return body(
        wire::CreateAttemptStarted(out_, it.attempt, unless_zero(it.input_digest), it.asks_first));
  }
  Body put(AttemptFailed const& it) {
    auto const type = text(it.type);
    auto const message = text(it.message);
    auto const contacts = tables(it.contacts);
    auto const heartbeat = payload(it.heartbeat);
    return body(wire::CreateAttemptFailed(out_,
                                          it.attempt,
                                          type,
                                          message,
                                          it.retryable,
                                          time(it.retry_at),
                                          contacts,
                                          heartbeat,
                                          it.outcome_unknown));
  }
  Body put(AttemptOrphaned const& it) {
    auto const reason = text(it.reason);
    auto const contacts = tables(it.contacts);
    return body(wire::CreateAttemptOrphaned(out_, it.attempt, reason, time(it.retry_at), contacts));
  }
  Body put(OperationCompleted const& it) {
    auto const result = payload(it.result);
    auto const contacts = tables(it.contacts);
    return body(wire::CreateOperationCompleted(out_, it.attempt, result, contacts, it.reconciled));
  }
  Body put(OperationFailed const& it) {
    auto const type = text(it.type);
    auto const message = text(it.message);
    return body(wire::CreateOperationFailed(out_, type, message, it.attempts));
  }
  Body put(OperationCancelled const& it) {
    auto const reason = text(it.reason);
    flatbuffers::Optional<wire::ParentClose> told;
    if (it.told) told = enumerator(*it.told, wire::ParentClose::MAX);
    return body(wire::CreateOperationCancelled(out_, reason, it.abandoned, told));
  }
  Body put(TimerStarted const& it) { return body(wire::CreateTimerStarted(out_, time(it.due))); }
  Body put(TimerFired const& it) { return body(wire::CreateTimerFired(out_, time(it.due))); }
  Body put(ValueRecorded const& it) {
    auto const name = text(it.name);
    auto const value = payload(it.value);
    return body(wire::CreateValueRecorded(out_, name, value));
  }
  Body put(ModelCompleted const& it) {
    auto const result = payload(it.result);
    auto const model = text(it.model);
    auto const finish = text(it.finish);
    auto const contacts = tables(it.contacts);
    return body(wire::CreateModelCompleted(out_,
                                           it.attempt,
                                           result,
                                           model,
                                           finish,
                                           it.input_tokens,
                                           it.output_tokens,
                                           it.cached_tokens,
                                           contacts));
  }
  Body put(ToolCompleted const& it) {
    auto const result = payload(it.result);
    auto const contacts = tables(it.contacts);
    return body(
        wire::CreateToolCompleted(out_, it.attempt, result, it.is_error, contacts, it.reconciled));
  }
  Body put(CheckpointTaken const& it) {
    return body(wire::CreateCheckpointTaken(out_, unless_zero(it.state_digest), it.size_bytes));
  }
  Body put(AttributeSet const& it) {
    auto const name = text(it.name);
    auto const value = payload(it.value);
    return body(wire::CreateAttributeSet(out_, name, value));
  }
  Body put(AnswerGiven const& it) {
    auto const answer = payload(it.answer);
    return body(
        wire::CreateAnswerGiven(out_, it.turn, static_cast<std::uint64_t>(it.source), answer));
  }
  Body put(Held const& it) {
    auto const kind = text(it.kind);
    auto const report = text(it.report);
    return body(wire::CreateHeld(out_, kind, report));
  }
  Body put(Released const& it) {
    auto const by = text(it.by);
    auto const reason = text(it.reason);
    return body(wire::CreateReleased(out_, by, reason));
  }
  Body put(OperatorActed const& it) {
    auto const by = text(it.by);
    auto const action = text(it.action);
    auto const reason = text(it.reason);
    auto const credential = text(it.credential);
    auto const resource = text(it.resource);
    auto const details = text(it.details);
    auto const second = text(it.second);
    auto const second_credential = text(it.second_credential);
    return body(wire::CreateOperatorActed(out_,
                                          by,
                                          action,
                                          reason,
                                          credential,
                                          resource,
                                          details,
                                          second,
                                          second_credential,
                                          it.break_glass));
  }
  Body put(PolicyActivated const& it) {
    auto const name = text(it.name);
    auto const document = payload(it.document);
    return body(wire::CreatePolicyActivated(out_, unless_zero(it.digest), name, document));
  }
  Body put(LossAccepted const& it) {
    auto const by = text(it.by);
    auto const reason = text(it.reason);
    return body(wire::CreateLossAccepted(
        out_, by, reason, it.generation, it.acknowledged_commit, it.found_commit));
  }
  Body put(SessionCompleted const& it) {
    auto const result = payload(it.result);
    return body(wire::CreateSessionCompleted(out_, result, it.unread_signals));
  }
  Body put(SessionFailed const& it) {
    auto const type = text(it.type);
    auto const message = text(it.message);
    return body(wire::CreateSessionFailed(out_, type, message));
  }
  Body put(VersionChosen const& it) {
    auto const change = text(it.change);
    return body(wire::CreateVersionChosen(out_, change, it.version));
  }
  Body put(CancelRequested const& it) {
    auto const by = text(it.by);
    auto const reason = text(it.reason);
    return body(wire::CreateCancelRequested(out_, by, reason));
  }
  Body put(SessionCancelled const& it) {
    auto const reason = text(it.reason);
    return body(wire::CreateSessionCancelled(out_, reason));
  }
  Body put(ApprovalRequested const& it) {
    auto const approvers = texts(it.approvers);
    auto const escalate_to = texts(it.escalate_to);
    auto const rule = text(it.rule);
    auto const reason = text(it.reason);
    return body(wire::CreateApprovalRequested(out_,
                                              it.attempt,
                                              unless_zero(it.input_digest),
                                              approvers,
                                              it.quorum,
                                              time(it.expires),
                                              time(it.escalate_at),
                                              escalate_to,
                                              rule,
                                              reason));
  }
  Body put(ApprovalGiven const& it) {
    auto const by = text(it.by);
    auto const credential = text(it.credential);
    auto const reason = text(it.reason);
    auto const roles = texts(it.roles);
    return body(wire::CreateApprovalGiven(
        out_, it.granted, by, credential, reason, unless_zero(it.input_digest), roles));
  }
  Body put(TokenCreated const& it) {
    auto const id = text(it.id);
    auto const kind = enumerator(it.kind, wire::TokenKind::MAX);
    auto const owner = text(it.owner);
    auto const roles = texts(it.roles);
    auto const scopes = texts(it.scopes);
    auto const tenant = text(it.tenant);
    auto const replaces = text(it.replaces);
    return body(wire::CreateTokenCreated(out_,
                                         id,
                                         kind,
                                         unless_zero(it.digest),
                                         owner,
                                         roles,
                                         scopes,
                                         tenant,
                                         time(it.expires),
                                         replaces,
                                         it.break_glass));
  }
  Body put(TokenRevoked const& it) {
    return body(wire::CreateTokenRevoked(out_, text(it.id), time(it.at)));
  }
  Body put(HeartbeatRecorded const& it) {
    auto const details = payload(it.details);
    return body(wire::CreateHeartbeatRecorded(out_, it.attempt, time(it.at), details));
  }
  Body put(AttemptDeferred const& it) {
    auto const heartbeat = payload(it.heartbeat);
    auto const contacts = tables(it.contacts);
    return body(wire::CreateAttemptDeferred(out_, it.attempt, heartbeat, contacts));
  }
  Body put(OperationInDoubt const& it) {
    auto const reason = text(it.reason);
    return body(wire::CreateOperationInDoubt(out_, it.attempt, reason));
  }
  Body put(DoubtResolved const& it) {
    auto const resolution = enumerator(it.resolution, wire::DoubtResolution::MAX);
    auto const by = text(it.by);
    auto const credential = text(it.credential);
    auto const reason = text(it.reason);
    auto const result = payload(it.result);
    return body(wire::CreateDoubtResolved(out_, resolution, by, credential, reason, result));
  }
  Body put(RunCarried const& it) {
    auto const calls = tables(it.calls, [this](CallCount const& one) {
      auto const kind = enumerator(one.kind, wire::OperationKind::MAX);
      auto const name = text(one.name);
      return wire::CreateCallCount(out_, kind, name, one.count);
    });
    auto const taint = texts(it.taint);
    auto const senders = texts(it.senders);
    auto const named = [this](NamedPayload const& one) {
      auto const name = text(one.name);
      auto const value = payload(one.value);
      return wire::CreateNamedPayload(out_, name, value);
    };
    auto const attributes = tables(it.attributes, named);
    auto const stored = tables(it.stored, named);
    return body(wire::CreateRunCarried(out_, calls, taint, senders, attributes, stored));
  }
  Body put(ContinuedAsNew const& it) {
    auto const next = to_wire(it.next);
    auto const input = payload(it.input);
    return body(wire::CreateContinuedAsNew(
        out_, &next, input, unless_zero(it.input_digest), it.unread_signals));
  }
  Body put(ChildStarted const& it) {
    auto const session = text(it.session);
    return body(wire::CreateChildStarted(out_, session, it.attempt, unless_zero(it.input_digest)));
  }
  Body put(ChildEnded const& it) {
    Maybe<wire::RunId> const run{to_wire(it.run), it.run != RunId{}};
    auto const outcome = enumerator(it.outcome, wire::ChildOutcome::MAX);
    auto const result = payload(it.result);
    auto const type = text(it.type);
    auto const message = text(it.message);
    auto const taint = texts(it.taint);
    auto const senders = texts(it.senders);
    return body(wire::CreateChildEnded(out_, run, outcome, result, type, message, taint, senders));
  }
  Body put(ParentEnded const& it) {
    auto const reason = text(it.reason);
    return body(
        wire::CreateParentEnded(out_, enumerator(it.close, wire::ParentClose::MAX), reason));
  }
  Body put(CancellationAsked const& it) {
    return body(wire::CreateCancellationAsked(out_, text(it.reason)));
  }
  Body put(ControlAsked const& it) {
    auto const verb = enumerator(it.verb, wire::ControlVerb::MAX);
    auto const by = text(it.by);
    auto const credential = text(it.credential);
    auto const reason = text(it.reason);
    return body(wire::CreateControlAsked(out_, verb, by, credential, reason));
  }
  Body put(UpdateEnded const& it) {
    auto const result = payload(it.result);
    auto const type = text(it.type);
    auto const message = text(it.message);
    return body(wire::CreateUpdateEnded(out_, it.update, result, type, message));
  }
  Body put(StoreChanged const& it) {
    auto const key = text(it.key);
    auto const value = payload(it.value);
    return body(wire::CreateStoreChanged(out_, key, value, it.erased));
  }
  Body put(PromiseSettled const& it) {
    auto const result = payload(it.result);
    auto const type = text(it.type);
    auto const message = text(it.message);
    auto const session = text(it.session);
    auto const taint = texts(it.taint);
    auto const senders = texts(it.senders);
    return body(wire::CreatePromiseSettled(
        out_, it.failed, result, type, message, session, taint, senders));
  }
  Body put(EngineStarted const& it) {
    auto const build = text(it.build);
    return body(wire::CreateEngineStarted(out_, it.epoch, build));
  }
  Body put(Forked const& it) {
    auto const from = fork_origin(it.from);
    auto const by = text(it.by);
    auto const credential = text(it.credential);
    auto const reason = text(it.reason);
    return body(
        wire::CreateForked(out_, from, it.random_seed, by, credential, reason, it.effects_after));
  }

  flatbuffers::FlatBufferBuilder& out_;
  std::size_t left_ = max_event_bytes;
  bool too_large_ = false;
  bool invalid_ = false;
};

}  // namespace

WrittenEvent write_event(flatbuffers::FlatBufferBuilder& out, Event const& event) {
  EventWriter writer(out);
  auto const bytes = writer.write(event);
  return {bytes, writer.problem()};
}

}  // namespace dalsegno::storage
