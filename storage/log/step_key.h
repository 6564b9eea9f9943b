#pragma once

// Where a step lies. Source: storage/format.md, "Keys".

#include "dalsegno/ids.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::storage {

/// Partitions from here on hold no sessions.
inline constexpr std::uint32_t first_reserved_partition = 0xFFF0;
/// Under this one lie the commit records, in the same column family as the steps.
inline constexpr std::uint32_t commit_partition = 0xFFFF;

/// The partition of a session: the first 8 bytes, big-endian, of SHA-256(tenant ‖ 0x00 ‖ name),
/// modulo `partitions`. `partitions`: 1 to `first_reserved_partition`.
[[nodiscard]] std::uint32_t partition_of(SessionId const& session, std::uint32_t partitions);

/// u16be partition ‖ tenant ‖ 0x00 ‖ name ‖ 0x00: what all keys of a session begin with.
[[nodiscard]] std::string session_prefix(std::uint32_t partition, SessionId const& session);
/// … ‖ run (16 bytes): what all step keys of a run begin with.
[[nodiscard]] std::string run_prefix(std::uint32_t partition,
                                     SessionId const& session,
                                     RunId const& run);
/// … ‖ u64be first sequence. Keys sort by (partition, tenant, name, run, sequence).
[[nodiscard]] std::string step_key(std::uint32_t partition,
                                   SessionId const& session,
                                   RunId const& run,
                                   Sequence first);

struct StepKey {
  std::uint32_t partition = 0;
  SessionId session;
  RunId run;
  Sequence first_sequence = 0;

  friend bool operator==(StepKey const&, StepKey const&) = default;
};

/// Absent when `key` is not the key of a step (such as that of a commit record).
[[nodiscard]] std::optional<StepKey> parse_step_key(std::string_view key);

}  // namespace dalsegno::storage
