#include "storage/event/event_codec.h"

#include <bit>
#include <cmath>
#include <type_traits>

namespace dalsegno::storage {
namespace {

/// Reads verified tables. What the schema cannot rule out (enumerators, times) clears `fine`.
class EventReader {
 public:
  /// Absent when a field is out of its range.
  static std::optional<Event> read(wire::Event const& event) {
    EventReader reader;
    Event result{event.sequence(), OperationId{event.operation()}, reader.body(event)};
    return reader.fine_ ? std::optional(std::move(result)) : std::nullopt;
  }

 private:
  static std::string text(flatbuffers::String const* value) {
    return value ? std::string(value->c_str(), value->size()) : std::string();
  }

  static std::string octets(flatbuffers::Vector<std::uint8_t> const* value) {
    return value ? std::string(reinterpret_cast<char const*>(value->data()), value->size())
                 : std::string();
  }

  static std::vector<std::string> texts(
      flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> const* values) {
    std::vector<std::string> result;
    if (!values) return result;
    result.reserve(values->size());
    for (auto const* value : *values) result.push_back(text(value));
    return result;
  }

  static Digest digest(wire::Digest const* value) {
    return value ? std::bit_cast<Digest>(*value) : Digest{};
  }

  template <class Enum, class Wire>
  Enum enumerator(Wire value) {
    using Number = std::underlying_type_t<Wire>;
    if (static_cast<Number>(value) > static_cast<Number>(Wire::MAX)) fine_ = false;
    return static_cast<Enum>(value);
  }

  Time time(std::int64_t microseconds) {
    if (microseconds < 0 || microseconds > max_time_microseconds) fine_ = false;
    return Time(std::chrono::microseconds(microseconds));
  }

  std::optional<Time> time(flatbuffers::Optional<std::int64_t> microseconds) {
    return microseconds ? std::optional(time(*microseconds)) : std::nullopt;
  }

  Payload payload(wire::Payload const* it) {
    if (!it) return {};
    Payload result{enumerator<Codec>(it->codec()),
                   it->key_id(),
                   octets(it->salt()),
                   text(it->content_type()),
                   octets(it->bytes()),
                   std::nullopt};
    if (auto const* artifact = it->artifact()) {
      result.artifact = ArtifactRef{digest(&artifact->digest()), artifact->size_bytes()};
      if (!result.bytes.empty()) fine_ = false;
    }
    return result;
  }

  RecordedRetry retry(wire::Retry const* it) {
    if (!it) return {};
    if (!std::isfinite(it->factor()) || !std::isfinite(it->jitter())) fine_ = false;
    return {
        it->max_attempts(), it->initial_ms(), it->max_interval_ms(), it->factor(), it->jitter()};
  }

  EventBody body(wire::Event const& event) {
    if (event.body_type() == wire::EventBody::NONE || !event.body()) {
      fine_ = false;
      return UnknownBody{};
    }
    switch (event.body_type()) {
      case wire::EventBody::NONE:
        break;
      case wire::EventBody::SessionStarted:
        return get(*event.body_as_SessionStarted());
      case wire::EventBody::InputReceived:
        return get(*event.body_as_InputReceived());
      case wire::EventBody::OperationRequested:
        return get(*event.body_as_OperationRequested());
      case wire::EventBody::PolicyDecided:
        return get(*event.body_as_PolicyDecided());
      case wire::EventBody::AttemptStarted:
        return get(*event.body_as_AttemptStarted());
      case wire::EventBody::AttemptFailed:
        return get(*event.body_as_AttemptFailed());
      case wire::EventBody::AttemptOrphaned:
        return get(*event.body_as_AttemptOrphaned());
      case wire::EventBody::OperationCompleted:
        return get(*event.body_as_OperationCompleted());
      case wire::EventBody::OperationFailed:
        return get(*event.body_as_OperationFailed());
      case wire::EventBody::OperationCancelled:
        return get(*event.body_as_OperationCancelled());
      case wire::EventBody::TimerStarted:
        return get(*event.body_as_TimerStarted());
      case wire::EventBody::TimerFired:
        return get(*event.body_as_TimerFired());
      case wire::EventBody::ValueRecorded:
        return get(*event.body_as_ValueRecorded());
      case wire::EventBody::ModelCompleted:
        return get(*event.body_as_ModelCompleted());
      case wire::EventBody::ToolCompleted:
        return get(*event.body_as_ToolCompleted());
      case wire::EventBody::CheckpointTaken:
        return get(*event.body_as_CheckpointTaken());
      case wire::EventBody::AttributeSet:
        return get(*event.body_as_AttributeSet());
      case wire::EventBody::AnswerGiven:
        return get(*event.body_as_AnswerGiven());
      case wire::EventBody::Held:
        return get(*event.body_as_Held());
      case wire::EventBody::Released:
        return get(*event.body_as_Released());
      case wire::EventBody::OperatorActed:
        return get(*event.body_as_OperatorActed());
      case wire::EventBody::PolicyActivated:
        return get(*event.body_as_PolicyActivated());
      case wire::EventBody::LossAccepted:
        return get(*event.body_as_LossAccepted());
      case wire::EventBody::SessionCompleted:
        return get(*event.body_as_SessionCompleted());
      case wire::EventBody::SessionFailed:
        return get(*event.body_as_SessionFailed());
    }
    return UnknownBody{static_cast<std::uint8_t>(event.body_type())};
  }

  SessionStarted get(wire::SessionStarted const& it) {
    std::optional<RunId> follows;
    if (auto const* run = it.follows()) follows = std::bit_cast<RunId>(*run);
    return {text(it.workflow()),
            it.rules_version(),
            text(it.principal()),
            payload(it.input()),
            digest(it.input_digest()),
            it.random_seed(),
            follows,
            digest(it.follows_hash())};
  }
  InputReceived get(wire::InputReceived const& it) {
    return {text(it.signal()),
            text(it.producer_key()),
            text(it.principal()),
            payload(it.payload()),
            digest(it.payload_digest())};
  }
  OperationRequested get(wire::OperationRequested const& it) {
    return {enumerator<OperationKind>(it.kind()),
            text(it.name()),
            text(it.label()),
            payload(it.input()),
            digest(it.input_digest()),
            retry(it.retry()),
            it.start_to_close_ms()};
  }
  PolicyDecided get(wire::PolicyDecided const& it) {
    return {it.attempt(),
            enumerator<DecisionEffect>(it.effect()),
            digest(it.policy()),
            text(it.principal()),
            text(it.action()),
            text(it.resource()),
            digest(it.input_digest()),
            texts(it.rules()),
            text(it.reason())};
  }
  AttemptStarted get(wire::AttemptStarted const& it) {
    return {it.attempt(), digest(it.input_digest())};
  }
  AttemptFailed get(wire::AttemptFailed const& it) {
    return {it.attempt(), text(it.type()), text(it.message()), it.retryable(), time(it.retry_at())};
  }
  AttemptOrphaned get(wire::AttemptOrphaned const& it) {
    return {it.attempt(), text(it.reason()), time(it.retry_at())};
  }
  OperationCompleted get(wire::OperationCompleted const& it) {
    return {it.attempt(), payload(it.result())};
  }
  OperationFailed get(wire::OperationFailed const& it) {
    return {text(it.type()), text(it.message()), it.attempts()};
  }
  OperationCancelled get(wire::OperationCancelled const& it) { return {text(it.reason())}; }
  TimerStarted get(wire::TimerStarted const& it) { return {time(it.due())}; }
  TimerFired get(wire::TimerFired const& it) { return {time(it.due())}; }
  ValueRecorded get(wire::ValueRecorded const& it) {
    return {text(it.name()), payload(it.value())};
  }
  ModelCompleted get(wire::ModelCompleted const& it) {
    return {it.attempt(),
            payload(it.result()),
            text(it.model()),
            text(it.finish()),
            it.input_tokens(),
            it.output_tokens(),
            it.cached_tokens()};
  }
  ToolCompleted get(wire::ToolCompleted const& it) {
    return {it.attempt(), payload(it.result()), it.is_error()};
  }
  CheckpointTaken get(wire::CheckpointTaken const& it) {
    return {digest(it.state_digest()), it.size_bytes()};
  }
  AttributeSet get(wire::AttributeSet const& it) { return {text(it.name()), payload(it.value())}; }
  AnswerGiven get(wire::AnswerGiven const& it) {
    return {it.turn(), OperationId{it.source()}, payload(it.answer())};
  }
  Held get(wire::Held const& it) { return {text(it.kind()), text(it.report())}; }
  Released get(wire::Released const& it) { return {text(it.by()), text(it.reason())}; }
  OperatorActed get(wire::OperatorActed const& it) {
    return {text(it.by()), text(it.action()), text(it.reason())};
  }
  PolicyActivated get(wire::PolicyActivated const& it) {
    return {digest(it.digest()), text(it.name()), payload(it.document())};
  }
  LossAccepted get(wire::LossAccepted const& it) {
    return {text(it.by()),
            text(it.reason()),
            it.generation(),
            it.acknowledged_commit(),
            it.found_commit()};
  }
  SessionCompleted get(wire::SessionCompleted const& it) {
    return {payload(it.result()), it.unread_signals()};
  }
  SessionFailed get(wire::SessionFailed const& it) { return {text(it.type()), text(it.message())}; }

  bool fine_ = true;
};

}  // namespace

std::optional<Event> read_event(wire::Event const& event) { return EventReader::read(event); }

}  // namespace dalsegno::storage
