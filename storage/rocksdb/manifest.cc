#include "storage/rocksdb/manifest.h"

#include "dalsegno/try.h"
#include "storage/rocksdb/crc32c.h"
#include "storage/rocksdb/files.h"
#include "storage/rocksdb/status.h"

#include <rocksdb/file_system.h>

#include <charconv>
#include <string_view>

namespace dalsegno::storage {

namespace {

std::string name_of_manifest(std::uint64_t number) {
  auto digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return "/MANIFEST-" + digits;
}

Result<std::uint64_t> read_number(rocksdb::FileSystem& files, std::string const& database) {
  constexpr std::string_view prefix = "MANIFEST-";
  TRY(auto const current, read_if_there(files, database + "/CURRENT", 64));
  std::uint64_t number = 0;
  bool parsed = current && current->starts_with(prefix) && current->ends_with('\n');
  if (parsed) {
    auto const* const end = current->data() + current->size() - 1;
    auto const [rest, error] = std::from_chars(current->data() + prefix.size(), end, number);
    parsed = error == std::errc() && rest == end;
  }
  if (parsed) return number;
  return Error{Errc::corrupt,
               database +
                   "/CURRENT names no list of files. Copy the folder before anything else; then "
                   "restore it from a backup"};
}

Result<ManifestState> read_state(rocksdb::FileSystem& files,
                                 std::string const& path,
                                 std::uint64_t at_most) {
  TRY(auto const bytes, read_if_there(files, path, at_most));
  if (!bytes) return Error{Errc::corrupt, path + ", RocksDB's list of files, is missing"};
  return ManifestState{.number = 0, .size_bytes = bytes->size(), .checksum = crc32c(*bytes)};
}

}  // namespace

Result<ManifestState> read_manifest_state(rocksdb::FileSystem& files, std::string const& database) {
  TRY(auto const number, read_number(files, database));
  auto const path = database + name_of_manifest(number);
  std::uint64_t size = 0;
  auto const status = files.GetFileSize(path, rocksdb::IOOptions(), &size, nullptr);
  if (!status.ok()) return error_from(status, "reading " + path);
  TRY(auto state, read_state(files, path, size));
  state.number = number;
  return state;
}

Result<bool> manifest_continues(rocksdb::FileSystem& files,
                                std::string const& database,
                                ManifestState const& known) {
  TRY(auto const number, read_number(files, database));
  if (number != known.number) return number > known.number;
  TRY(auto state, read_state(files, database + name_of_manifest(number), known.size_bytes));
  state.number = number;
  return state == known;
}

}  // namespace dalsegno::storage
