#pragma once

#include "storage/log/event_log.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace rocksdb {
class FileSystem;
}

namespace dalsegno::storage {

/// What a person says when acknowledged commits are gone and the store is to go on without them.
struct LossAcceptance {
  std::string by;
  std::string reason;
  Time now;
  std::vector<EventBody> before = {};  ///< recorded in the same step, before the LossAccepted
};

struct RocksDbOptions {
  std::uint32_t partitions = 64;              ///< fixed at creation
  std::uint64_t memtable_bytes = 8ULL << 20;  ///< all memtables together
  std::uint64_t free_space_floor_bytes =
      256ULL << 20;  ///< below: no new sessions; below half of it: no appends
  std::uint64_t ballast_bytes = 64ULL
                                << 20;  ///< FOLDER/BALLAST, to be deleted when the disk is full
  std::chrono::milliseconds watermark_sync{100};  ///< how often the watermark file itself is synced
  /// All disk access goes through it (tests wrap it); null: the machine's own.
  std::shared_ptr<rocksdb::FileSystem> file_system;
  /// Set: open although acknowledged commits are missing; starts a new generation and records a
  /// LossAccepted in the store's journal.
  std::unique_ptr<LossAcceptance> accept_loss;
};

/// Opens or creates a store in `folder` for reading and writing; takes the next epoch.
///
/// What it refuses it leaves as it was found: damage is judged before anything is written. After
/// `kill -9` nothing acknowledged can be missing unseen; after a power cut a loss within the last
/// `watermark_sync` can (the blind window). On a full disk it deletes its ballast to be able to
/// open. Blocks; milliseconds for a store that was closed, longer after a crash, for what is in the
/// write-ahead log. Source: storage/format.md, "Store". Errors: Errc::locked, Errc::foreign (a
/// folder that holds something else), Errc::newer_format, Errc::corrupt (RocksDB refuses),
/// Errc::data_loss (the detail says which commits are missing), Errc::io, Errc::no_space.
[[nodiscard]] Result<std::unique_ptr<EventLog>> open_rocksdb(std::filesystem::path const& folder,
                                                             RocksDbOptions options = {});

/// Opens a store for reading only, beside a live writer or not, and never writes into `folder`.
/// Sees what was durable when it was opened. `data_loss_warning` (may be null) receives what
/// open_rocksdb would refuse with as data_loss. Errors: as above, and Errc::not_found when there is
/// no store.
[[nodiscard]] Result<std::unique_ptr<EventLog>> open_rocksdb_for_reading(
    std::filesystem::path const& folder, std::string* data_loss_warning = nullptr);

}  // namespace dalsegno::storage
