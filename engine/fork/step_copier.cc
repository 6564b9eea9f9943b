#include "engine/fork/step_copier.h"

#include "dalsegno/try.h"
#include "engine/session/checkpoint.h"

#include <string>
#include <utility>
#include <variant>

namespace dalsegno::engine {

/// Makes the digests in one event, or in what a checkpoint holds, anew.
class StepCopier::Rekey {
 public:
  Rekey(StepCopier& copier, CopiedStep& beside) : copier_(copier), beside_(beside) {}

  void payload(storage::Payload& payload) {
    if (payload.artifact) artifact(payload);
  }
  /// A payload and the digest that was recorded with it.
  void digested(storage::Payload& payload, storage::Digest& digest) {
    auto const text = artifact(payload);
    if (digest != storage::Digest{} && digest == copier_.digesters_->from.digest(text))
      copier_.known_[digest] = copier_.digesters_->to.digest(text);
    known(digest);
  }
  /// A digest of something that came before.
  void known(storage::Digest& digest) {
    if (digest == storage::Digest{} || !outcome_) return;
    auto const found = copier_.known_.find(digest);
    if (found == copier_.known_.end()) {
      outcome_ =
          Error{Errc::undecidable,
                "session " + to_string(copier_.from_) + ": digest " + storage::to_hex(digest) +
                    " is of nothing that is recorded: it cannot be made for another session"};
      return;
    }
    digest = found->second;
  }

  /// Every member that holds user data or a digest of it, by the names that all events use.
  template <class Body>
  void body(Body& it) {
    if constexpr (requires { digested(it.input, it.input_digest); }) {
      digested(it.input, it.input_digest);
    } else if constexpr (requires { payload(it.input); }) {
      payload(it.input);
    } else if constexpr (requires { known(it.input_digest); }) {
      known(it.input_digest);
    }
    if constexpr (requires { digested(it.payload, it.payload_digest); })
      digested(it.payload, it.payload_digest);
    if constexpr (requires { payload(it.result); }) payload(it.result);
    if constexpr (requires { payload(it.value); }) payload(it.value);
    if constexpr (requires { payload(it.answer); }) payload(it.answer);
    if constexpr (requires { payload(it.heartbeat); }) payload(it.heartbeat);
    if constexpr (requires { payload(it.details); }) payload(it.details);
    if constexpr (requires { it.attributes.front().value.artifact; })
      for (auto& attribute : it.attributes) payload(attribute.value);
    if constexpr (requires { it.stored.front().value.artifact; })
      for (auto& stored : it.stored) payload(stored.value);
  }
  void state(SessionState& state) {
    for (auto& entry : state.inbox) payload(entry.payload);
    for (auto& [name, value] : state.attributes) payload(value);
    for (auto& [key, value] : state.stored) payload(value);
    if (state.delayed_input) payload(*state.delayed_input);
    for (auto& [id, operation] : state.operations) {
      digested(operation.input, operation.input_digest);
      payload(operation.heartbeat);
      for (auto& asked : operation.approvals) known(asked.request.input_digest);
      if (operation.doubt && operation.doubt->resolution)
        payload(operation.doubt->resolution->result);
    }
  }

  [[nodiscard]] Result<> outcome() && { return std::move(outcome_); }

 private:
  /// The bytes of the payload; where they are an artifact, it is stored once more for the target.
  std::string artifact(storage::Payload& payload) {
    if (!payload.artifact || !outcome_) return payload.bytes;
    auto& reference = *payload.artifact;
    auto bytes = copier_.log_.artifact(copier_.from_, reference.digest);
    if (!bytes) {
      auto const code =
          bytes.error().code == Errc::not_found ? Errc::undecidable : bytes.error().code;
      outcome_ = Error{code,
                       "session " + to_string(copier_.from_) + ": artifact " +
                           storage::to_hex(reference.digest) + ": " + bytes.error().detail};
      return {};
    }
    auto const digest = copier_.digesters_->to.digest(*bytes);
    if (copier_.known_.emplace(reference.digest, digest).second)
      beside_.artifacts.push_back({digest, *bytes});
    reference.digest = digest;
    return std::move(*bytes);
  }

  StepCopier& copier_;
  CopiedStep& beside_;
  Result<> outcome_;
};

StepCopier::StepCopier(storage::EventLog const& log,
                       SessionId from,
                       CopyTarget target,
                       std::optional<CopyKeys> const& keys)
    : log_(log), from_(std::move(from)), target_(std::move(target)) {
  if (keys)
    digesters_.emplace(storage::KeyedDigester(keys->from), storage::KeyedDigester(keys->to));
}

Result<> StepCopier::rekey(storage::EventBody& body, CopiedStep& beside) {
  if (!digesters_) return {};
  Rekey rekey(*this, beside);
  std::visit([&rekey](auto& it) { rekey.body(it); }, body);
  return std::move(rekey).outcome();
}

Result<CopiedStep> StepCopier::copy(storage::Step const& step) {
  CopiedStep copied;
  copied.events = step.events;
  for (auto& event : copied.events) {
    if (auto* const started = std::get_if<storage::SessionStarted>(&event.body)) {
      started->follows.reset();
      started->follows_hash = {};
      if (target_.follows) {
        started->follows = target_.follows->run;
        started->follows_hash = target_.follows->hash;
      }
      started->origin.reset();  // nobody waits for a copy
      started->fork = target_.origin;
    }
    TRY_VOID(rekey(event.body, copied));
    if (auto* const taken = std::get_if<storage::CheckpointTaken>(&event.body)) {
      TRY(auto checkpoint, copy_checkpoint(event.sequence, copied));
      taken->state_digest = storage::sha256({checkpoint.bytes});
      taken->size_bytes = checkpoint.bytes.size();
      copied.checkpoints.push_back(std::move(checkpoint));
    }
  }
  return copied;
}

Result<storage::StoredCheckpoint> StepCopier::copy_checkpoint(Sequence sequence,
                                                              CopiedStep& beside) {
  TRY(auto const stored, log_.newest_checkpoint(from_, target_.origin.run, sequence));
  if (!stored || stored->sequence != sequence)
    return Error{Errc::undecidable,
                 "session " + to_string(from_) + ": its checkpoint at sequence " +
                     std::to_string(sequence) + " is not in the store any more"};
  TRY(auto checkpoint, decode_checkpoint(stored->bytes));
  auto& state = checkpoint.state;
  state.session = target_.session;
  state.run = target_.run;
  state.follows.reset();
  if (target_.follows) state.follows = target_.follows->run;
  state.parent.reset();
  if (digesters_) {
    Rekey rekey(*this, beside);
    rekey.state(state);
    for (auto& finished : checkpoint.finished) rekey.payload(finished.payload);
    TRY_VOID(std::move(rekey).outcome());
  }
  return storage::StoredCheckpoint{sequence, encode(checkpoint)};
}

}  // namespace dalsegno::engine
