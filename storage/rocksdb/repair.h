#pragma once

// Makes a store whole again after a person has accepted a loss. Included by sources of this folder
// only.

#include "dalsegno/result.h"
#include "storage/rocksdb/commits.h"
#include "storage/rocksdb/database.h"

namespace dalsegno::storage {

/// Removes what follows the first missing commit (it continues nothing any more), and brings every
/// head, timer, checkpoint and producer key that no longer fits its session's steps back to what
/// those steps say. Doing it twice is the same as once. Returns where the log ends now. Errors:
/// Errc::corrupt, Errc::io, Errc::no_space.
[[nodiscard]] Result<LogEnd> repair(Database const& database,
                                    std::uint32_t partitions,
                                    LogEnd const& end,
                                    Loss const& loss);

}  // namespace dalsegno::storage
