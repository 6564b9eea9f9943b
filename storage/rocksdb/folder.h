#pragma once

// What lies where in a store's folder, and whether a folder is a store.

#include "dalsegno/result.h"

#include <cstdint>
#include <string>

namespace rocksdb {
class FileSystem;
}

namespace dalsegno::storage {

struct Layout {
  explicit Layout(std::string path)
      : folder(std::move(path)),
        database(folder + "/db"),
        watermark(folder + "/WATERMARK"),
        ballast(folder + "/BALLAST") {}

  std::string folder;
  std::string database;
  std::string watermark;
  std::string ballast;
};

enum class FolderState : std::uint8_t {
  absent,  ///< does not exist, is empty, or a creation was interrupted before the first byte that
           ///< counts
  unfinished,  ///< a database without a watermark: a creation that was interrupted, or a watermark
               ///< that was removed
  store,
};

/// Errors: Errc::foreign (something else is in there), Errc::corrupt (a part is missing that a
/// store cannot lack), Errc::io.
[[nodiscard]] Result<FolderState> look_at(rocksdb::FileSystem& files, Layout const& layout);

}  // namespace dalsegno::storage
