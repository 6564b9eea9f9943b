#pragma once

#include "dalsegno/result.h"
#include "storage/event/event.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::storage {

/// The format that this version writes and the newest that it runs.
inline constexpr std::uint16_t current_format = 1;

/// Limits, checked before anything is written.
inline constexpr std::size_t max_event_bytes = 256 * 1024;
inline constexpr std::size_t max_inline_payload_bytes =
    64 * 1024;  ///< larger payloads become artifacts
inline constexpr std::size_t max_artifact_bytes = 64 * 1024 * 1024;
inline constexpr std::size_t max_events_per_step = 10'000;
inline constexpr std::size_t max_step_bytes = 64 * 1024 * 1024;

/// A step as it stands on disk, and the hash that the next step of its run names.
struct EncodedStep {
  std::string bytes;
  Digest hash;
};

/// Errors: Errc::too_large when an event encodes to more than `max_event_bytes`, or the step has
/// too many events or bytes. Errc::invalid for what `decode` would refuse: another format than
/// `current_format`, no events, sequences not consecutive, a bad session id, times outside of the
/// years 1970 to 9999, a payload with both bytes and artifact, an UnknownBody.
[[nodiscard]] Result<EncodedStep> encode(Step const& step);

struct DecodedStep {
  Step step;
  Digest hash;  ///< computed from `bytes` as stored
};

/// What the events are wanted for. Only `show` accepts a newer format and bodies of unknown kind
/// (UnknownBody). `replay` is `run` for bytes that our own store just gave back: everything that is
/// read is verified and hashed all the same, only the spelling of the frame around it, which no
/// hash covers and which cannot change what is read, is not compared.
enum class Reading : std::uint8_t { run, show, replay };

/// Verifies untrusted bytes, then reads them. Never reads outside of `bytes`, whatever they are. A
/// step has one encoding only: bytes that differ anywhere are refused, or have another hash.
/// Errors: Errc::corrupt (not a step, or fields out of range), Errc::newer_format (`Reading::run`
/// and header.format > current_format, or an event of a kind that this version does not know).
[[nodiscard]] Result<DecodedStep> decode(std::string_view bytes, Reading reading = Reading::run);

/// Decodes many steps, one after the other, into the same memory. Thread: one at a time.
class StepDecoder {
 public:
  explicit StepDecoder(Reading reading);
  StepDecoder(StepDecoder const&) = delete;
  StepDecoder& operator=(StepDecoder const&) = delete;
  ~StepDecoder();

  /// As storage::decode; the step lives until the next call.
  [[nodiscard]] Result<DecodedStep const*> decode(std::string_view bytes);

 private:
  struct Memory;
  Reading reading_;
  std::unique_ptr<Memory> memory_;
};

/// Only the hash of stored bytes (verified), without making events.
[[nodiscard]] Result<Digest> step_hash(std::string_view bytes);

/// The sequence of the last event in stored bytes (verified), without making events.
[[nodiscard]] Result<Sequence> last_sequence(std::string_view bytes);

/// SHA-256 of each event's stored bytes: together with the header they make the step's hash, so one
/// event can be shown and proved without the others. Source: storage/format.md, "Step record".
[[nodiscard]] Result<std::vector<Digest>> event_hashes(std::string_view bytes);

}  // namespace dalsegno::storage
