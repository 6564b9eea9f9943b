#pragma once

// Keys and values of everything a store holds besides the steps. Source: storage/format.md,
// "Store". The steps' own keys, and what all keys of a session and of a run begin with: step_key.h.

#include "dalsegno/result.h"
#include "storage/event/digest.h"
#include "storage/log/event_log.h"
#include "storage/log/step_key.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dalsegno::storage {

// ---- keys: numbers are big-endian, so bytes sort as values do ----

// Heads and session secrets lie under the session's prefix itself.

/// run_prefix ‖ u64 sequence.
[[nodiscard]] std::string checkpoint_key(std::uint32_t partition,
                                         SessionId const& session,
                                         RunId const& run,
                                         Sequence sequence);
/// session_prefix ‖ the producer's key.
[[nodiscard]] std::string producer_key_key(std::uint32_t partition,
                                           SessionId const& session,
                                           std::string_view key);
/// session_prefix ‖ the record's name.
[[nodiscard]] std::string vault_key(std::uint32_t partition,
                                    SessionId const& session,
                                    std::string_view name);
/// session_prefix ‖ digest (32 bytes).
[[nodiscard]] std::string artifact_key(std::uint32_t partition,
                                       SessionId const& session,
                                       Digest const& digest);
/// u64 due (microseconds since 1970, plus 2^63) ‖ tenant ‖ 0 ‖ name ‖ 0 ‖ run ‖ u64 operation.
[[nodiscard]] std::string timer_key(Timer const& timer);
/// The first eight bytes of the keys of timers due at `due`.
[[nodiscard]] std::string timer_key_prefix(Time due);
/// u16 0xFFFF ‖ u32 generation ‖ u64 number.
[[nodiscard]] std::string commit_key(std::uint32_t generation, std::uint64_t number);

struct CommitPlace {
  std::uint32_t generation = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(CommitPlace const&, CommitPlace const&) = default;
};

/// Nothing when the bytes are no such key.
[[nodiscard]] std::optional<SessionId> parse_session_prefix(std::string_view key);
[[nodiscard]] std::optional<Timer> parse_timer_key(std::string_view key);
[[nodiscard]] std::optional<CommitPlace> parse_commit_key(std::string_view key);

// ---- values: untrusted when read; Errc::corrupt or Errc::newer_format ----

[[nodiscard]] std::string encode_head(Head const& head);
[[nodiscard]] Result<Head> decode_head(std::string_view bytes);

/// u64 sequence, big-endian.
[[nodiscard]] std::string encode_sequence(Sequence sequence);
[[nodiscard]] Result<Sequence> decode_sequence(std::string_view bytes);

[[nodiscard]] std::string encode_secret(SessionSecret const& secret);
[[nodiscard]] Result<SessionSecret> decode_secret(std::string_view bytes);

/// A commit record as it is stored. The steps' keys must be keys of steps.
struct EncodedCommit {
  std::string key;
  std::string value;
};
[[nodiscard]] EncodedCommit encode_commit(CommitRecord const& record);
[[nodiscard]] Result<CommitRecord> decode_commit(std::string_view key, std::string_view value);

/// SHA-256("dalsegno/commit/1" ‖ key ‖ value ‖ the hash of each step in order).
[[nodiscard]] Digest commit_digest(std::string_view key,
                                   std::string_view value,
                                   std::span<Digest const> step_hashes);

}  // namespace dalsegno::storage
