#include "storage/event/event_codec.h"

#include <bit>
#include <cmath>
#include <type_traits>

namespace dalsegno::storage {
namespace {

/// Reads verified tables. What the schema cannot rule out (enumerators, times) clears `fine`.
///
/// It writes into an event that may hold another one: who reads many steps one after the other
/// gives the same one again, whose strings then need no new memory. So each function sets every
/// field.
class EventReader {
 public:
  /// False when a field is out of its range.
  static bool read(wire::Event const& event, Event& into) {
    EventReader reader;
    into.sequence = event.sequence();
    into.operation = OperationId{event.operation()};
    reader.body(event, into.body);
    return reader.fine_;
  }

 private:
  static void set(std::string& to, flatbuffers::String const* value) {
    if (value) {
      to.assign(value->c_str(), value->size());
    } else {
      to.clear();
    }
  }

  static void set(std::string& to, flatbuffers::Vector<std::uint8_t> const* value) {
    if (value) {
      to.assign(reinterpret_cast<char const*>(value->data()), value->size());
    } else {
      to.clear();
    }
  }

  static void set(std::vector<std::string>& to,
                  flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> const* values) {
    to.resize(values ? values->size() : 0);
    for (std::size_t i = 0; i < to.size(); ++i)
      set(to[i], values->Get(static_cast<flatbuffers::uoffset_t>(i)));
  }

  static void set(Digest& to, wire::Digest const* value) {
    to = value ? std::bit_cast<Digest>(*value) : Digest{};
  }

  static void set(RunId& to, wire::RunId const* value) {
    to = value ? std::bit_cast<RunId>(*value) : RunId{};
  }

  static void set(std::optional<RunId>& to, wire::RunId const* value) {
    to = value ? std::optional(std::bit_cast<RunId>(*value)) : std::nullopt;
  }

  void set(Time& to, std::int64_t microseconds) {
    if (microseconds < 0 || microseconds > max_time_microseconds) fine_ = false;
    to = Time(std::chrono::microseconds(microseconds));
  }

  void set(std::optional<Time>& to, flatbuffers::Optional<std::int64_t> microseconds) {
    to.reset();
    if (microseconds) set(to.emplace(), *microseconds);
  }

  /// A table for each value.
  template <class Value, class Table>
  void set(std::vector<Value>& to, flatbuffers::Vector<flatbuffers::Offset<Table>> const* tables) {
    to.resize(tables ? tables->size() : 0);
    for (std::size_t i = 0; i < to.size(); ++i)
      set(to[i], *tables->Get(static_cast<flatbuffers::uoffset_t>(i)));
  }
  static void set(NamedValue& to, wire::NamedValue const& it) {
    set(to.name, it.name());
    set(to.value, it.value());
  }
  static void set(RuleError& to, wire::RuleError const& it) {
    set(to.rule, it.rule());
    set(to.message, it.message());
  }
  static void set(RecordedObligation& to, wire::Obligation const& it) {
    set(to.kind, it.kind());
    set(to.rule, it.rule());
    set(to.parameters, it.parameters());
  }
  void set(ShadowDecision& to, wire::ShadowDecision const& it) {
    set(to.policy, it.policy());
    to.effect = enumerator<DecisionEffect>(it.effect());
    set(to.rules, it.rules());
    set(to.reason, it.reason());
    set(to.errors, it.errors());
    set(to.obligations, it.obligations());
  }

  static void set(Contact& to, wire::Contact const& it) {
    set(to.method, it.method());
    set(to.url, it.url());
    set(to.host, it.host());
    to.port = it.port();
    set(to.answers, it.answers());
    set(to.address, it.address());
    set(to.rules, it.rules());
    set(to.policy, it.policy());
    set(to.policy_rules, it.policy_rules());
    set(to.outcome, it.outcome());
    set(to.reason, it.reason());
    to.status = it.status();
    to.bytes_sent = it.bytes_sent();
    to.bytes_received = it.bytes_received();
    to.elapsed_us = it.elapsed_us();
  }

  template <class Enum, class Wire>
  Enum enumerator(Wire value) {
    using Number = std::underlying_type_t<Wire>;
    if (static_cast<Number>(value) > static_cast<Number>(Wire::MAX)) fine_ = false;
    return static_cast<Enum>(value);
  }

  void set(Payload& to, wire::Payload const* it) {
    if (!it) {
      to = {};
      return;
    }
    to.codec = enumerator<Codec>(it->codec());
    to.key_id = it->key_id();
    set(to.salt, it->salt());
    set(to.content_type, it->content_type());
    set(to.bytes, it->bytes());
    to.artifact.reset();
    if (auto const* artifact = it->artifact()) {
      set(to.artifact.emplace().digest, &artifact->digest());
      to.artifact->size_bytes = artifact->size_bytes();
      if (!to.bytes.empty()) fine_ = false;
    }
  }

  void set(RecordedRetry& to, wire::Retry const* it) {
    to = it ? RecordedRetry{it->max_attempts(),
                            it->initial_ms(),
                            it->max_interval_ms(),
                            it->factor(),
                            it->jitter()}
            : RecordedRetry{};
    if (it) set(to.non_retryable, it->non_retryable());
    if (!std::isfinite(to.factor) || !std::isfinite(to.jitter)) fine_ = false;
  }

  void set(CallTerms& to, wire::CallTerms const* it) {
    to = {};
    if (it == nullptr) return;
    to.schedule_to_start_ms = it->schedule_to_start_ms();
    to.schedule_to_close_ms = it->schedule_to_close_ms();
    to.heartbeat_ms = it->heartbeat_ms();
    to.effect = enumerator<EffectClass>(it->effect());
  }

  template <class Body>
  static Body& as(EventBody& body) {
    auto* const there = std::get_if<Body>(&body);
    return there != nullptr ? *there : body.emplace<Body>();
  }

  void body(wire::Event const& event, EventBody& to) {
    if (event.body_type() == wire::EventBody::NONE || !event.body()) {
      fine_ = false;
      to = UnknownBody{};
      return;
    }
    switch (event.body_type()) {
      case wire::EventBody::NONE:
        break;
      case wire::EventBody::SessionStarted:
        return get(*event.body_as_SessionStarted(), as<SessionStarted>(to));
      case wire::EventBody::InputReceived:
        return get(*event.body_as_InputReceived(), as<InputReceived>(to));
      case wire::EventBody::OperationRequested:
        return get(*event.body_as_OperationRequested(), as<OperationRequested>(to));
      case wire::EventBody::PolicyDecided:
        return get(*event.body_as_PolicyDecided(), as<PolicyDecided>(to));
      case wire::EventBody::AttemptStarted:
        return get(*event.body_as_AttemptStarted(), as<AttemptStarted>(to));
      case wire::EventBody::AttemptFailed:
        return get(*event.body_as_AttemptFailed(), as<AttemptFailed>(to));
      case wire::EventBody::AttemptOrphaned:
        return get(*event.body_as_AttemptOrphaned(), as<AttemptOrphaned>(to));
      case wire::EventBody::OperationCompleted:
        return get(*event.body_as_OperationCompleted(), as<OperationCompleted>(to));
      case wire::EventBody::OperationFailed:
        return get(*event.body_as_OperationFailed(), as<OperationFailed>(to));
      case wire::EventBody::OperationCancelled:
        return get(*event.body_as_OperationCancelled(), as<OperationCancelled>(to));
      case wire::EventBody::TimerStarted:
        return get(*event.body_as_TimerStarted(), as<TimerStarted>(to));
      case wire::EventBody::TimerFired:
        return get(*event.body_as_TimerFired(), as<TimerFired>(to));
      case wire::EventBody::ValueRecorded:
        return get(*event.body_as_ValueRecorded(), as<ValueRecorded>(to));
      case wire::EventBody::ModelCompleted:
        return get(*event.body_as_ModelCompleted(), as<ModelCompleted>(to));
      case wire::EventBody::ToolCompleted:
        return get(*event.body_as_ToolCompleted(), as<ToolCompleted>(to));
      case wire::EventBody::CheckpointTaken:
        return get(*event.body_as_CheckpointTaken(), as<CheckpointTaken>(to));
      case wire::EventBody::AttributeSet:
        return get(*event.body_as_AttributeSet(), as<AttributeSet>(to));
      case wire::EventBody::AnswerGiven:
        return get(*event.body_as_AnswerGiven(), as<AnswerGiven>(to));
      case wire::EventBody::Held:
        return get(*event.body_as_Held(), as<Held>(to));
      case wire::EventBody::Released:
        return get(*event.body_as_Released(), as<Released>(to));
      case wire::EventBody::OperatorActed:
        return get(*event.body_as_OperatorActed(), as<OperatorActed>(to));
      case wire::EventBody::PolicyActivated:
        return get(*event.body_as_PolicyActivated(), as<PolicyActivated>(to));
      case wire::EventBody::LossAccepted:
        return get(*event.body_as_LossAccepted(), as<LossAccepted>(to));
      case wire::EventBody::SessionCompleted:
        return get(*event.body_as_SessionCompleted(), as<SessionCompleted>(to));
      case wire::EventBody::SessionFailed:
        return get(*event.body_as_SessionFailed(), as<SessionFailed>(to));
      case wire::EventBody::VersionChosen:
        return get(*event.body_as_VersionChosen(), as<VersionChosen>(to));
      case wire::EventBody::CancelRequested:
        return get(*event.body_as_CancelRequested(), as<CancelRequested>(to));
      case wire::EventBody::SessionCancelled:
        return get(*event.body_as_SessionCancelled(), as<SessionCancelled>(to));
      case wire::EventBody::ApprovalRequested:
        return get(*event.body_as_ApprovalRequested(), as<ApprovalRequested>(to));
      case wire::EventBody::ApprovalGiven:
        return get(*event.body_as_ApprovalGiven(), as<ApprovalGiven>(to));
      case wire::EventBody::TokenCreated:
        return get(*event.body_as_TokenCreated(), as<TokenCreated>(to));
      case wire::EventBody::TokenRevoked:
        return get(*event.body_as_TokenRevoked(), as<TokenRevoked>(to));
      case wire::EventBody::HeartbeatRecorded:
        return get(*event.body_as_HeartbeatRecorded(), as<HeartbeatRecorded>(to));
      case wire::EventBody::AttemptDeferred:
        return get(*event.body_as_AttemptDeferred(), as<AttemptDeferred>(to));
      case wire::EventBody::OperationInDoubt:
        return get(*event.body_as_OperationInDoubt(), as<OperationInDoubt>(to));
      case wire::EventBody::DoubtResolved:
        return get(*event.body_as_DoubtResolved(), as<DoubtResolved>(to));
      case wire::EventBody::RunCarried:
        return get(*event.body_as_RunCarried(), as<RunCarried>(to));
      case wire::EventBody::ContinuedAsNew:
        return get(*event.body_as_ContinuedAsNew(), as<ContinuedAsNew>(to));
      case wire::EventBody::ChildStarted:
        return get(*event.body_as_ChildStarted(), as<ChildStarted>(to));
      case wire::EventBody::ChildEnded:
        return get(*event.body_as_ChildEnded(), as<ChildEnded>(to));
      case wire::EventBody::ParentEnded:
        return get(*event.body_as_ParentEnded(), as<ParentEnded>(to));
      case wire::EventBody::CancellationAsked:
        return get(*event.body_as_CancellationAsked(), as<CancellationAsked>(to));
      case wire::EventBody::ControlAsked:
        return get(*event.body_as_ControlAsked(), as<ControlAsked>(to));
      case wire::EventBody::UpdateEnded:
        return get(*event.body_as_UpdateEnded(), as<UpdateEnded>(to));
      case wire::EventBody::StoreChanged:
        return get(*event.body_as_StoreChanged(), as<StoreChanged>(to));
      case wire::EventBody::PromiseSettled:
        return get(*event.body_as_PromiseSettled(), as<PromiseSettled>(to));
      case wire::EventBody::EngineStarted:
        return get(*event.body_as_EngineStarted(), as<EngineStarted>(to));
      case wire::EventBody::Forked:
        return get(*event.body_as_Forked(), as<Forked>(to));
    }
    to = UnknownBody{static_cast<std::uint8_t>(event.body_type())};
  }

  static void set_fork(ForkOrigin& to, wire::ForkOrigin const& it) {
    set(to.session, it.session());
    set(to.run, it.run());
    to.sequence = it.sequence();
  }
  void get(wire::SessionStarted const& it, SessionStarted& to) {
    set(to.workflow, it.workflow());
    to.rules_version = it.rules_version();
    set(to.principal, it.principal());
    set(to.input, it.input());
    set(to.input_digest, it.input_digest());
    to.random_seed = it.random_seed();
    set(to.follows, it.follows());
    set(to.follows_hash, it.follows_hash());
    set(to.redaction, it.redaction());
    to.origin.reset();
    if (auto const* const origin = it.origin()) {
      auto& from = to.origin.emplace();
      set(from.session, origin->session());
      set(from.run, origin->run());
      from.operation = OperationId{origin->operation()};
      from.detached = origin->detached();
    }
    set(to.not_before, it.not_before());
    to.fork.reset();
    if (auto const* const fork = it.fork()) set_fork(to.fork.emplace(), *fork);
  }
  void get(wire::InputReceived const& it, InputReceived& to) {
    set(to.signal, it.signal());
    set(to.producer_key, it.producer_key());
    set(to.principal, it.principal());
    set(to.payload, it.payload());
    set(to.payload_digest, it.payload_digest());
    to.carried_from = it.carried_from();
    to.update = it.update();
    set(to.taint, it.taint());
    set(to.senders, it.senders());
  }
  void get(wire::OperationRequested const& it, OperationRequested& to) {
    to.kind = enumerator<OperationKind>(it.kind());
    set(to.name, it.name());
    set(to.label, it.label());
    set(to.input, it.input());
    set(to.input_digest, it.input_digest());
    set(to.retry, it.retry());
    to.start_to_close_ms = it.start_to_close_ms();
    to.risk = enumerator<Risk>(it.risk());
    to.untrusted = it.untrusted();
    set(to.terms, it.terms());
    to.on_cancel = enumerator<CancelMode>(it.on_cancel());
    to.child.reset();
    if (auto const* const child = it.child()) {
      auto& wanted = to.child.emplace();
      set(wanted.session, child->session());
      wanted.parent_close = enumerator<ParentClose>(child->parent_close());
      wanted.reuse = enumerator<Reuse>(child->reuse());
      wanted.detached = child->detached();
      set(wanted.not_before, child->not_before());
      wanted.ask = enumerator<SessionAsk>(child->ask());
      set(wanted.signal, child->signal());
      set(wanted.promise, child->promise());
      set(wanted.workflow, child->workflow());
      wanted.bare = child->bare();
    }
  }
  void get(wire::PolicyDecided const& it, PolicyDecided& to) {
    to.attempt = it.attempt();
    to.effect = enumerator<DecisionEffect>(it.effect());
    set(to.policy, it.policy());
    set(to.principal, it.principal());
    set(to.action, it.action());
    set(to.resource, it.resource());
    set(to.input_digest, it.input_digest());
    set(to.rules, it.rules());
    set(to.reason, it.reason());
    set(to.principal_kind, it.principal_kind());
    set(to.principal_roles, it.principal_roles());
    set(to.attributes, it.attributes());
    set(to.ambient, it.ambient());
    set(to.errors, it.errors());
    set(to.obligations, it.obligations());
    set(to.shadows, it.shadows());
    to.complete = it.complete();
  }
  static void get(wire::AttemptStarted const& it, AttemptStarted& to) {
    to.attempt = it.attempt();
    set(to.input_digest, it.input_digest());
    to.asks_first = it.asks_first();
  }
  void get(wire::AttemptFailed const& it, AttemptFailed& to) {
    to.attempt = it.attempt();
    set(to.type, it.type());
    set(to.message, it.message());
    to.retryable = it.retryable();
    set(to.retry_at, it.retry_at());
    set(to.contacts, it.contacts());
    set(to.heartbeat, it.heartbeat());
    to.outcome_unknown = it.outcome_unknown();
  }
  void get(wire::AttemptOrphaned const& it, AttemptOrphaned& to) {
    to.attempt = it.attempt();
    set(to.reason, it.reason());
    set(to.retry_at, it.retry_at());
    set(to.contacts, it.contacts());
  }
  void get(wire::OperationCompleted const& it, OperationCompleted& to) {
    to.attempt = it.attempt();
    set(to.result, it.result());
    set(to.contacts, it.contacts());
    to.reconciled = it.reconciled();
  }
  static void get(wire::OperationFailed const& it, OperationFailed& to) {
    set(to.type, it.type());
    set(to.message, it.message());
    to.attempts = it.attempts();
  }
  void get(wire::OperationCancelled const& it, OperationCancelled& to) {
    set(to.reason, it.reason());
    to.abandoned = it.abandoned();
    to.told.reset();
    if (auto const told = it.told()) to.told = enumerator<ParentClose>(*told);
  }
  void get(wire::TimerStarted const& it, TimerStarted& to) { set(to.due, it.due()); }
  void get(wire::TimerFired const& it, TimerFired& to) { set(to.due, it.due()); }
  void get(wire::ValueRecorded const& it, ValueRecorded& to) {
    set(to.name, it.name());
    set(to.value, it.value());
  }
  void get(wire::ModelCompleted const& it, ModelCompleted& to) {
    to.attempt = it.attempt();
    set(to.result, it.result());
    set(to.model, it.model());
    set(to.finish, it.finish());
    to.input_tokens = it.input_tokens();
    to.output_tokens = it.output_tokens();
    to.cached_tokens = it.cached_tokens();
    set(to.contacts, it.contacts());
  }
  void get(wire::ToolCompleted const& it, ToolCompleted& to) {
    to.attempt = it.attempt();
    set(to.result, it.result());
    to.is_error = it.is_error();
    set(to.contacts, it.contacts());
    to.reconciled = it.reconciled();
  }
  static void get(wire::CheckpointTaken const& it, CheckpointTaken& to) {
    set(to.state_digest, it.state_digest());
    to.size_bytes = it.size_bytes();
  }
  void get(wire::AttributeSet const& it, AttributeSet& to) {
    set(to.name, it.name());
    set(to.value, it.value());
  }
  void get(wire::AnswerGiven const& it, AnswerGiven& to) {
    to.turn = it.turn();
    to.source = OperationId{it.source()};
    set(to.answer, it.answer());
  }
  static void get(wire::Held const& it, Held& to) {
    set(to.kind, it.kind());
    set(to.report, it.report());
  }
  static void get(wire::Released const& it, Released& to) {
    set(to.by, it.by());
    set(to.reason, it.reason());
  }
  static void get(wire::OperatorActed const& it, OperatorActed& to) {
    set(to.by, it.by());
    set(to.action, it.action());
    set(to.reason, it.reason());
    set(to.credential, it.credential());
    set(to.resource, it.resource());
    set(to.details, it.details());
    set(to.second, it.second());
    set(to.second_credential, it.second_credential());
    to.break_glass = it.break_glass();
  }
  void get(wire::PolicyActivated const& it, PolicyActivated& to) {
    set(to.digest, it.digest());
    set(to.name, it.name());
    set(to.document, it.document());
  }
  static void get(wire::LossAccepted const& it, LossAccepted& to) {
    set(to.by, it.by());
    set(to.reason, it.reason());
    to.generation = it.generation();
    to.acknowledged_commit = it.acknowledged_commit();
    to.found_commit = it.found_commit();
  }
  void get(wire::SessionCompleted const& it, SessionCompleted& to) {
    set(to.result, it.result());
    to.unread_signals = it.unread_signals();
  }
  static void get(wire::SessionFailed const& it, SessionFailed& to) {
    set(to.type, it.type());
    set(to.message, it.message());
  }
  static void get(wire::VersionChosen const& it, VersionChosen& to) {
    set(to.change, it.change());
    to.version = it.version();
  }
  static void get(wire::CancelRequested const& it, CancelRequested& to) {
    set(to.by, it.by());
    set(to.reason, it.reason());
  }
  static void get(wire::SessionCancelled const& it, SessionCancelled& to) {
    set(to.reason, it.reason());
  }
  void get(wire::ApprovalRequested const& it, ApprovalRequested& to) {
    to.attempt = it.attempt();
    set(to.input_digest, it.input_digest());
    set(to.approvers, it.approvers());
    to.quorum = it.quorum();
    set(to.expires, it.expires());
    set(to.escalate_at, it.escalate_at());
    set(to.escalate_to, it.escalate_to());
    set(to.rule, it.rule());
    set(to.reason, it.reason());
  }
  void get(wire::ApprovalGiven const& it, ApprovalGiven& to) {
    to.granted = it.granted();
    set(to.by, it.by());
    set(to.credential, it.credential());
    set(to.reason, it.reason());
    set(to.input_digest, it.input_digest());
    set(to.roles, it.roles());
  }
  void get(wire::TokenCreated const& it, TokenCreated& to) {
    set(to.id, it.id());
    to.kind = enumerator<TokenKind>(it.kind());
    set(to.digest, it.digest());
    set(to.owner, it.owner());
    set(to.roles, it.roles());
    set(to.scopes, it.scopes());
    set(to.tenant, it.tenant());
    set(to.expires, it.expires());
    set(to.replaces, it.replaces());
    to.break_glass = it.break_glass();
  }
  void get(wire::TokenRevoked const& it, TokenRevoked& to) {
    set(to.id, it.id());
    set(to.at, it.at());
  }
  void get(wire::HeartbeatRecorded const& it, HeartbeatRecorded& to) {
    to.attempt = it.attempt();
    set(to.at, it.at());
    set(to.details, it.details());
  }
  void get(wire::AttemptDeferred const& it, AttemptDeferred& to) {
    to.attempt = it.attempt();
    set(to.heartbeat, it.heartbeat());
    set(to.contacts, it.contacts());
  }
  static void get(wire::OperationInDoubt const& it, OperationInDoubt& to) {
    to.attempt = it.attempt();
    set(to.reason, it.reason());
  }
  void get(wire::DoubtResolved const& it, DoubtResolved& to) {
    to.resolution = enumerator<DoubtResolution>(it.resolution());
    set(to.by, it.by());
    set(to.credential, it.credential());
    set(to.reason, it.reason());
    set(to.result, it.result());
  }
  void set(CallCount& to, wire::CallCount const& it) {
    to.kind = enumerator<OperationKind>(it.kind());
    set(to.name, it.name());
    to.count = it.count();
  }
  void set(NamedPayload& to, wire::NamedPayload const& it) {
    set(to.name, it.name());
    set(to.value, it.value());
  }
  void get(wire::RunCarried const& it, RunCarried& to) {
    set(to.calls, it.calls());
    set(to.taint, it.taint());
    set(to.senders, it.senders());
    set(to.attributes, it.attributes());
    set(to.stored, it.stored());
  }
  void get(wire::ContinuedAsNew const& it, ContinuedAsNew& to) {
    set(to.next, it.next());
    set(to.input, it.input());
    set(to.input_digest, it.input_digest());
    to.unread_signals = it.unread_signals();
  }
  static void get(wire::ChildStarted const& it, ChildStarted& to) {
    set(to.session, it.session());
    to.attempt = it.attempt();
    set(to.input_digest, it.input_digest());
  }
  void get(wire::ChildEnded const& it, ChildEnded& to) {
    set(to.run, it.run());
    to.outcome = enumerator<ChildOutcome>(it.outcome());
    set(to.result, it.result());
    set(to.type, it.type());
    set(to.message, it.message());
    set(to.taint, it.taint());
    set(to.senders, it.senders());
  }
  void get(wire::ParentEnded const& it, ParentEnded& to) {
    to.close = enumerator<ParentClose>(it.close());
    set(to.reason, it.reason());
  }
  static void get(wire::CancellationAsked const& it, CancellationAsked& to) {
    set(to.reason, it.reason());
  }
  void get(wire::ControlAsked const& it, ControlAsked& to) {
    to.verb = enumerator<ControlVerb>(it.verb());
    set(to.by, it.by());
    set(to.credential, it.credential());
    set(to.reason, it.reason());
  }
  void get(wire::UpdateEnded const& it, UpdateEnded& to) {
    to.update = it.update();
    set(to.result, it.result());
    set(to.type, it.type());
    set(to.message, it.message());
  }
  void get(wire::StoreChanged const& it, StoreChanged& to) {
    set(to.key, it.key());
    set(to.value, it.value());
    to.erased = it.erased();
  }
  void get(wire::PromiseSettled const& it, PromiseSettled& to) {
    to.failed = it.failed();
    set(to.result, it.result());
    set(to.type, it.type());
    set(to.message, it.message());
    set(to.session, it.session());
    set(to.taint, it.taint());
    set(to.senders, it.senders());
  }
  static void get(wire::EngineStarted const& it, EngineStarted& to) {
    to.epoch = it.epoch();
    set(to.build, it.build());
  }
  void get(wire::Forked const& it, Forked& to) {
    to.from = {};
    if (auto const* const from = it.from()) set_fork(to.from, *from);
    to.random_seed = it.random_seed();
    set(to.by, it.by());
    set(to.credential, it.credential());
    set(to.reason, it.reason());
    to.effects_after = it.effects_after();
  }

  bool fine_ = true;
};

}  // namespace

bool read_event(wire::Event const& event, Event& into) { return EventReader::read(event, into); }

}  // namespace dalsegno::storage
