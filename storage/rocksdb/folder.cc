#include "storage/rocksdb/folder.h"

#include "dalsegno/try.h"
#include "storage/rocksdb/files.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace dalsegno::storage {
namespace {

constexpr std::array<std::string_view, 5> ours{
    "db", "WATERMARK", "WATERMARK.new", "BALLAST", "lost+found"};

/// A file that RocksDB makes only once there is a CURRENT.
bool follows_current(std::string_view name) {
  return name.ends_with(".sst") || name.ends_with(".blob") || name.ends_with(".log");
}

}  // namespace

Result<FolderState> look_at(rocksdb::FileSystem& files, Layout const& layout) {
  TRY(auto const names, list_folder(files, layout.folder));
  if (!names) return FolderState::absent;
  bool const marked = std::ranges::find(*names, "WATERMARK") != names->end();
  TRY(auto const inside, list_folder(files, layout.database));
  bool const current = inside && std::ranges::find(*inside, "CURRENT") != inside->end();
  if (current) return marked ? FolderState::store : FolderState::unfinished;
  for (auto const& name : *names) {
    if (std::ranges::find(ours, name) == ours.end()) {
      return Error{Errc::foreign, layout.folder + " is not a Dalsegno store: it holds " + name};
    }
  }
  bool const remains = inside && std::ranges::any_of(*inside, follows_current);
  if (marked || remains) {
    return Error{Errc::corrupt,
                 layout.database +
                     "/CURRENT is missing, and with it the list of the store's files. "
                     "Copy the folder before anything else; then restore it from a backup"};
  }
  return FolderState::absent;
}

}  // namespace dalsegno::storage
