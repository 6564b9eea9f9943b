#pragma once

// A store's own small files, through RocksDB's FileSystem so that tests can put faults under all of
// them.

#include "dalsegno/result.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rocksdb {
class FileSystem;
}

namespace dalsegno::storage {

/// The first `at_most` bytes of a file; nothing when there is no such file. Errors: Errc::io.
[[nodiscard]] Result<std::optional<std::string>> read_if_there(rocksdb::FileSystem& files,
                                                               std::string const& path,
                                                               std::size_t at_most);
/// Creates or replaces a file and syncs it (not its folder). Errors: Errc::io, Errc::no_space.
[[nodiscard]] Result<> write_synced(rocksdb::FileSystem& files,
                                    std::string const& path,
                                    std::string_view content);
/// Makes creations and renames in the folder durable.
[[nodiscard]] Result<> sync_folder(rocksdb::FileSystem& files, std::string const& path);
[[nodiscard]] bool file_exists(rocksdb::FileSystem& files, std::string const& path);
/// Names in the folder but "." and ".."; nothing when there is no such folder. Errors: Errc::io.
[[nodiscard]] Result<std::optional<std::vector<std::string>>> list_folder(
    rocksdb::FileSystem& files, std::string const& path);
/// Creates the folder and those above it, durably.
[[nodiscard]] Result<> create_folder(rocksdb::FileSystem& files, std::string const& path);

}  // namespace dalsegno::storage
