#pragma once

#include "dalsegno/result.h"

#include <compare>
#include <cstdint>
#include <string>

namespace rocksdb {
class FileSystem;
}

namespace dalsegno::storage {

/// Which list of files RocksDB goes by, how far it has grown, and what it says. RocksDB takes a
/// list that was cut, or one with a damaged length in it, for a shorter one, and forgets without a
/// word the table files that stood in the rest.
struct ManifestState {
  std::uint64_t number = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t checksum = 0;  ///< CRC-32C of these bytes

  friend auto operator<=>(ManifestState const&, ManifestState const&) = default;
};

/// Reads CURRENT in the database's folder. Errors: Errc::corrupt (it names no file that is there),
/// Errc::io.
[[nodiscard]] Result<ManifestState> read_manifest_state(rocksdb::FileSystem& files,
                                                        std::string const& database);

/// Whether the list still begins with all that `known` saw, or is a newer one.
/// Errors: as above.
[[nodiscard]] Result<bool> manifest_continues(rocksdb::FileSystem& files,
                                              std::string const& database,
                                              ManifestState const& known);

}  // namespace dalsegno::storage
