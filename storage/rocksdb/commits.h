#pragma once

// The order of the whole log as its commit records tell it, and what they reveal about a loss.
// Included by sources of this folder only.

#include "storage/log/event_log.h"
#include "storage/log/records.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/watermark.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace dalsegno::storage {

struct ReadCommit {
  CommitRecord record;
  Digest digest;
};

/// Reads a commit record and its steps. Errors: Errc::corrupt (also when a step is missing),
/// Errc::io.
[[nodiscard]] Result<ReadCommit> read_commit(Database const& database,
                                             std::string_view key,
                                             std::string_view value);

/// "commits A to B of generation G are missing".
[[nodiscard]] Error missing_commits(std::uint32_t generation, std::uint64_t from, std::uint64_t to);

/// Where the order ends.
struct LogEnd {
  std::uint32_t generation = 1;
  std::uint64_t last_commit = 0;  ///< of that generation; 0: it has none yet
  Digest digest;                  ///< of the last commit, whatever its generation
};

/// What is wrong with the end of the log, for people and for `accept_loss`.
struct Loss {
  Error error;
  std::uint64_t acknowledged_commit = 0;  ///< 0: not known
  std::optional<std::uint64_t>
      first_missing;  ///< what follows it in the store is no longer a continuation
};

enum class ManifestFound : std::uint8_t { whole, damaged };

struct LogEndCheck {
  LogEnd end;
  std::optional<Loss> loss;
};

/// Finds the last commit, and checks that what came from the write-ahead log
/// (`Database::recovered_steps`) continues without gap what lies in table files, and that the store
/// reaches up to `mark`. `manifest`: what is known of the list of files that the database was
/// opened with. Errors: Errc::corrupt, Errc::io, when records or steps cannot be read.
[[nodiscard]] Result<LogEndCheck> check_end(Database const& database,
                                            StoredMark const& mark,
                                            ManifestFound manifest = ManifestFound::whole);

}  // namespace dalsegno::storage
