#pragma once

#include "dalsegno/result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace rocksdb {
class FileSystem;
}

namespace dalsegno::storage {

/// Watches the free space under a store, so that it stops on its own terms before RocksDB meets a
/// full disk.
///
/// Below the floor there is no room for new sessions; below half of it nothing is appended any
/// more. Asks the file system at the start, after every few megabytes written, and each time while
/// there is too little. Thread: any.
class SpaceGuard {
 public:
  SpaceGuard(std::shared_ptr<rocksdb::FileSystem> files,
             std::string folder,
             std::uint64_t floor_bytes);

  /// Errors: Errc::no_space.
  [[nodiscard]] Result<> room_for_new_sessions() const;
  /// Counts `bytes` as about to be written. Errors: Errc::no_space: they must not be.
  [[nodiscard]] Result<> room_to_append(std::uint64_t bytes);

 private:
  void ask() const;
  [[nodiscard]] Error too_little(std::uint64_t needed, char const* consequence) const;

  // Set in the constructor.
  std::shared_ptr<rocksdb::FileSystem> files_;
  std::string folder_;
  std::uint64_t floor_bytes_;
  // Each changes alone.
  mutable std::atomic<std::uint64_t> free_bytes_;
  mutable std::atomic<std::uint64_t> written_since_asking_ = 0;
};

/// A file of `bytes` allocated bytes that can be deleted to make room, so that a store on a full
/// disk can be opened. Not creating it is no error: a store works without.
void create_ballast(rocksdb::FileSystem& files, std::string const& path, std::uint64_t bytes);
/// True if there was one and it is gone.
bool drop_ballast(rocksdb::FileSystem& files, std::string const& path);
/// Free bytes under `folder`; the largest number when the file system cannot say.
[[nodiscard]] std::uint64_t free_bytes(rocksdb::FileSystem& files, std::string const& folder);

}  // namespace dalsegno::storage
