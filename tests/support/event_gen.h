#pragma once

// Random events and steps for rapidcheck: every body, every field, all values that may be written.

#include "storage/event/event.h"

#include <rapidcheck.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::storage::test {

/// Any bytes, zero and newline among them; often none.
inline rc::Gen<std::string> any_bytes() {
  return rc::gen::weightedOneOf<std::string>(
      {{1, rc::gen::just(std::string())},
       {3, rc::gen::resize(40, rc::gen::arbitrary<std::string>())}});
}

/// Small and large, and the ends of the range.
inline rc::Gen<std::uint64_t> any_number() {
  return rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                        rc::gen::inRange<std::uint64_t>(0, 300),
                        rc::gen::element<std::uint64_t>(0, 1, 0xFFFF'FFFF, 0xFFFF'FFFF'FFFF'FFFF));
}

inline rc::Gen<Time> any_time() {
  constexpr std::int64_t last = 253'402'300'799'999'999;  // 9999-12-31T23:59:59.999999Z
  return rc::gen::map(
      rc::gen::oneOf(rc::gen::inRange<std::int64_t>(0, last + 1),
                     rc::gen::element<std::int64_t>(0, last)),
      [](std::int64_t microseconds) { return Time(std::chrono::microseconds(microseconds)); });
}

/// Each overload of `one` draws one value; a body draws its fields.
struct Draw {
  static void one(std::string& value) { value = *any_bytes(); }
  static void one(std::uint64_t& value) { value = *any_number(); }
  static void one(std::uint32_t& value) { value = static_cast<std::uint32_t>(*any_number()); }
  static void one(std::uint16_t& value) { value = static_cast<std::uint16_t>(*any_number()); }
  static void one(bool& value) { value = *rc::gen::arbitrary<bool>(); }
  static void one(double& value) { value = *rc::gen::element(0.0, 1.0, 1.5, 2.0, 1e300); }
  static void one(Time& value) { value = *any_time(); }
  static void one(OperationId& value) { value = OperationId{*any_number()}; }
  static void one(OperationKind& value) {
    value = static_cast<OperationKind>(*rc::gen::inRange(0, 9));
  }
  static void one(storage::Risk& value) {
    value = static_cast<storage::Risk>(*rc::gen::inRange(0, 6));
  }
  static void one(DecisionEffect& value) {
    value = static_cast<DecisionEffect>(*rc::gen::inRange(0, 2));
  }

  template <std::size_t size>
  static void one(std::array<std::uint8_t, size>& value) {
    if (*rc::gen::inRange(0, 4) == 0) return;  // zero
    for (auto& byte : value) byte = *rc::gen::arbitrary<std::uint8_t>();
  }

  static void one(Digest& value) { one(value.bytes); }
  static void one(RunId& value) { one(value.bytes); }

  template <class T>
  static void one(std::optional<T>& value) {
    if (*rc::gen::arbitrary<bool>()) one(value.emplace());
  }

  template <class T>
  static void one(std::vector<T>& value) {
    value.resize(*rc::gen::inRange<std::size_t>(0, 4));
    for (auto& element : value) one(element);
  }

  template <class... Fields>
  static void each(Fields&... fields) {
    (one(fields), ...);
  }

  static void one(ArtifactRef& it) { each(it.digest, it.size_bytes); }
  static void one(Payload& it) {
    each(it.key_id, it.salt, it.content_type, it.artifact);
    if (!it.artifact) one(it.bytes);
  }
  static void one(RecordedRetry& it) {
    each(it.max_attempts, it.initial_ms, it.max_interval_ms, it.factor, it.non_retryable);
  }

  static void one(SessionStarted& it) {
    each(it.workflow,
         it.rules_version,
         it.principal,
         it.input,
         it.input_digest,
         it.random_seed,
         it.follows);
    each(it.follows_hash, it.redaction, it.origin, it.not_before, it.fork);
  }
  static void one(storage::ForkOrigin& it) { each(it.session, it.run, it.sequence); }
  static void one(storage::Origin& it) { each(it.session, it.run, it.operation, it.detached); }
  static void one(InputReceived& it) {
    each(it.signal, it.producer_key, it.principal, it.payload, it.payload_digest);
    each(it.carried_from, it.update, it.taint, it.senders);
  }
  static void one(Contact& it) {
    each(it.method, it.url, it.host, it.port, it.answers, it.address, it.rules, it.policy);
    each(it.policy_rules, it.outcome, it.reason, it.status);
    each(it.bytes_sent, it.bytes_received, it.elapsed_us);
  }
  static void one(OperationCompleted& it) {
    each(it.attempt, it.result, it.contacts, it.reconciled);
  }
  static void one(ModelCompleted& it) {
    each(it.attempt,
         it.result,
         it.model,
         it.finish,
         it.input_tokens,
         it.output_tokens,
         it.cached_tokens,
         it.contacts);
  }
  static void one(ToolCompleted& it) {
    each(it.attempt, it.result, it.is_error, it.contacts, it.reconciled);
  }
  static void one(AttemptFailed& it) {
    each(it.attempt, it.type, it.message, it.retryable, it.retry_at, it.contacts);
    each(it.heartbeat, it.outcome_unknown);
  }
  static void one(AttemptOrphaned& it) { each(it.attempt, it.reason, it.retry_at, it.contacts); }
  static void one(TimerFired& it) { one(it.due); }
  static void one(Held& it) { each(it.kind, it.report); }
  static void one(Released& it) { each(it.by, it.reason); }
  static void one(OperatorActed& it) {
    each(it.by,
         it.action,
         it.reason,
         it.credential,
         it.resource,
         it.details,
         it.second,
         it.second_credential,
         it.break_glass);
  }
  static void one(PolicyActivated& it) { each(it.digest, it.name, it.document); }
  static void one(LossAccepted& it) {
    each(it.by, it.reason, it.generation, it.acknowledged_commit, it.found_commit);
  }
  static void one(OperationRequested& it) {
    each(it.kind,
         it.name,
         it.label,
         it.input,
         it.input_digest,
         it.retry,
         it.start_to_close_ms,
         it.risk,
         it.untrusted,
         it.terms,
         it.on_cancel,
         it.child);
  }
  static void one(EffectClass& value) { value = static_cast<EffectClass>(*rc::gen::inRange(0, 3)); }
  static void one(CallTerms& it) {
    each(it.schedule_to_start_ms, it.schedule_to_close_ms, it.heartbeat_ms, it.effect);
  }
  static void one(PolicyDecided& it) {
    each(it.attempt,
         it.effect,
         it.policy,
         it.principal,
         it.action,
         it.resource,
         it.input_digest,
         it.rules,
         it.reason,
         it.principal_kind,
         it.principal_roles,
         it.attributes,
         it.ambient,
         it.errors,
         it.obligations,
         it.shadows,
         it.complete);
  }
  static void one(storage::NamedValue& it) { each(it.name, it.value); }
  static void one(storage::RuleError& it) { each(it.rule, it.message); }
  static void one(storage::RecordedObligation& it) { each(it.kind, it.rule, it.parameters); }
  static void one(storage::ShadowDecision& it) {
    each(it.policy, it.effect, it.rules, it.reason, it.errors, it.obligations);
  }
  static void one(AttemptStarted& it) { each(it.attempt, it.input_digest, it.asks_first); }
  static void one(OperationFailed& it) { each(it.type, it.message, it.attempts); }
  static void one(OperationCancelled& it) { each(it.reason, it.abandoned, it.told); }
  static void one(TimerStarted& it) { one(it.due); }
  static void one(ValueRecorded& it) { each(it.name, it.value); }
  static void one(AnswerGiven& it) { each(it.turn, it.source, it.answer); }
  static void one(AttributeSet& it) { each(it.name, it.value); }
  static void one(CheckpointTaken& it) { each(it.state_digest, it.size_bytes); }
  static void one(SessionCompleted& it) { each(it.result, it.unread_signals); }
  static void one(SessionFailed& it) { each(it.type, it.message); }
  static void one(VersionChosen& it) { each(it.change, it.version); }
  static void one(CancelRequested& it) { each(it.by, it.reason); }
  static void one(SessionCancelled& it) { one(it.reason); }
  static void one(ApprovalRequested& it) {
    each(it.attempt,
         it.input_digest,
         it.approvers,
         it.quorum,
         it.expires,
         it.escalate_at,
         it.escalate_to,
         it.rule,
         it.reason);
  }
  static void one(ApprovalGiven& it) {
    each(it.granted, it.by, it.credential, it.reason, it.input_digest, it.roles);
  }
  static void one(TokenKind& value) { value = static_cast<TokenKind>(*rc::gen::inRange(0, 3)); }
  static void one(TokenCreated& it) {
    each(it.id, it.kind, it.digest, it.owner, it.roles, it.scopes, it.tenant, it.expires);
    each(it.replaces, it.break_glass);
  }
  static void one(TokenRevoked& it) { each(it.id, it.at); }
  static void one(HeartbeatRecorded& it) { each(it.attempt, it.at, it.details); }
  static void one(AttemptDeferred& it) { each(it.attempt, it.heartbeat, it.contacts); }
  static void one(OperationInDoubt& it) { each(it.attempt, it.reason); }
  static void one(DoubtResolution& value) {
    value = static_cast<DoubtResolution>(*rc::gen::inRange(0, 3));
  }
  static void one(DoubtResolved& it) {
    each(it.resolution, it.by, it.credential, it.reason, it.result);
  }
  static void one(storage::CancelMode& value) {
    value = static_cast<storage::CancelMode>(*rc::gen::inRange(0, 3));
  }
  static void one(storage::ParentClose& value) {
    value = static_cast<storage::ParentClose>(*rc::gen::inRange(0, 3));
  }
  static void one(storage::Reuse& value) {
    value = static_cast<storage::Reuse>(*rc::gen::inRange(0, 3));
  }
  static void one(storage::ChildOutcome& value) {
    value = static_cast<storage::ChildOutcome>(*rc::gen::inRange(0, 3));
  }
  static void one(storage::CallCount& it) { each(it.kind, it.name, it.count); }
  static void one(storage::NamedPayload& it) { each(it.name, it.value); }
  static void one(storage::RunCarried& it) {
    each(it.calls, it.taint, it.senders, it.attributes, it.stored);
  }
  static void one(storage::ContinuedAsNew& it) {
    each(it.next, it.input, it.input_digest, it.unread_signals);
  }
  static void one(storage::ChildStarted& it) { each(it.session, it.attempt, it.input_digest); }
  static void one(storage::ChildRecord& it) {
    each(it.session, it.parent_close, it.reuse, it.detached, it.not_before);
    each(it.ask, it.signal, it.promise, it.workflow, it.bare);
  }
  static void one(storage::SessionAsk& value) {
    value = static_cast<storage::SessionAsk>(*rc::gen::inRange(0, 4));
  }
  static void one(storage::EngineStarted& it) { each(it.epoch, it.build); }
  static void one(storage::StoreChanged& it) { each(it.key, it.value, it.erased); }
  static void one(storage::PromiseSettled& it) {
    each(it.failed, it.result, it.type, it.message, it.session, it.taint, it.senders);
  }
  static void one(storage::ChildEnded& it) {
    each(it.run, it.outcome, it.result, it.type, it.message, it.taint, it.senders);
  }
  static void one(storage::ParentEnded& it) { each(it.close, it.reason); }
  static void one(storage::CancellationAsked& it) { one(it.reason); }
  static void one(storage::ControlVerb& value) {
    value = static_cast<storage::ControlVerb>(*rc::gen::inRange(0, 4));
  }
  static void one(storage::ControlAsked& it) { each(it.verb, it.by, it.credential, it.reason); }
  static void one(storage::UpdateEnded& it) { each(it.update, it.result, it.type, it.message); }
  static void one(storage::Forked& it) {
    each(it.from, it.random_seed, it.by, it.credential, it.reason, it.effects_after);
  }
};

template <class Body>
rc::Gen<EventBody> body_of() {
  return rc::gen::exec([] {
    Body body;
    Draw::one(body);
    return EventBody(std::move(body));
  });
}

namespace detail {

/// UnknownBody, at 0, cannot be written.
template <std::size_t... indices>
rc::Gen<EventBody> one_of(std::index_sequence<indices...>) {
  return rc::gen::oneOf(body_of<std::variant_alternative_t<indices + 1, EventBody>>()...);
}

}  // namespace detail

/// Any body that can be written.
inline rc::Gen<EventBody> any_body() {
  return detail::one_of(std::make_index_sequence<std::variant_size_v<EventBody> - 1>());
}

inline rc::Gen<SessionId> any_session() {
  return rc::gen::element(SessionId{"default", "a"},
                          SessionId{"default", "order-4711"},
                          SessionId{"acme", "a/b c"},
                          SessionId{"ähm", "名前"},
                          SessionId{std::string(64, 't'), std::string(200, 'n')});
}

/// A header as its step would have, whatever came before.
inline rc::Gen<StepHeader> any_header() {
  return rc::gen::exec([] {
    StepHeader header;
    header.session = *any_session();
    Draw::each(
        header.log_id, header.run, header.epoch, header.previous, header.recorded_at, header.cause);
    header.first_sequence = 1 + *any_number() / 2;
    return header;
  });
}

/// A step of 1 to 6 events with these bodies.
inline rc::Gen<Step> step_with(rc::Gen<EventBody> body) {
  return rc::gen::exec([body = std::move(body)] {
    Step step{*any_header(), {}};
    auto sequence = step.header.first_sequence;
    auto const count = *rc::gen::inRange(1, 7);
    for (int i = 0; i < count; ++i) {
      Event event{sequence++, OperationId::none, *body};
      Draw::one(event.operation);
      step.events.push_back(std::move(event));
    }
    return step;
  });
}

inline rc::Gen<Step> any_step() { return step_with(any_body()); }

}  // namespace dalsegno::storage::test
