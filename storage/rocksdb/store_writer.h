#pragma once

// The one writer of a store. Included by sources of this folder only.

#include "storage/rocksdb/head_cache.h"
#include "storage/rocksdb/space_guard.h"
#include "storage/rocksdb/store_reader.h"
#include "storage/rocksdb/watermark.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

namespace dalsegno::storage {

/// Appends: one atomic, synced RocksDB write, then the watermark, then the caller is told.
/// Any error of either stops the writer for good: what reached the disk is unknown until the store
/// is reopened.
class StoreWriter : public StoreReader {
 public:
  StoreWriter(std::unique_ptr<Database> database,
              StoreInfo const& info,
              std::unique_ptr<SpaceGuard> space,
              std::shared_ptr<rocksdb::FileSystem> files);
  ~StoreWriter() override;

  /// From now on the watermark at `path`, where `found` stands, follows what is acknowledged.
  /// Before any other thread sees the writer.
  [[nodiscard]] Result<> start_watermark(std::string const& path,
                                         StoredMark const& found,
                                         std::chrono::milliseconds sync_every);

  [[nodiscard]] Result<CommitReceipt> append(std::span<Append const> batch) override;
  [[nodiscard]] Result<std::optional<Head>> head(SessionId const& session) const override;
  [[nodiscard]] Result<> put_meta(std::string_view key, std::string_view value) override;
  [[nodiscard]] Result<> put_vault(SessionId const& session,
                                   std::span<VaultRecord const> records) override;
  [[nodiscard]] Result<> destroy_vault(SessionId const& session,
                                       std::span<VaultRecord const> kept) override;
  [[nodiscard]] Result<> room_for_new_sessions() const override;
  [[nodiscard]] Result<> compact() override;

 private:
  /// Syncs what is in `writes` and raises the watermark to it.
  Result<> write(rocksdb::WriteBatch& writes, StoreInfo const& after);
  Error stop(Error error);
  Result<> raise_watermark(StoreInfo const& acknowledged);
  void note_manifest();

  // Set in the constructor and by start_watermark().
  std::unique_ptr<SpaceGuard> space_;
  std::shared_ptr<rocksdb::FileSystem> files_;
  std::unique_ptr<Watermark> watermark_;
  // Guarded by mark_mutex_.
  std::mutex mark_mutex_;
  Mark mark_;
  // Only in the calls that come one at a time.
  std::optional<Error> stopped_;
  // Guards itself.
  mutable HeadCache heads_;
};

}  // namespace dalsegno::storage
