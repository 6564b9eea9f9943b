#pragma once

// The one writer of a store. Included by sources of this folder only.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "storage/rocksdb/head_cache.h"
#include "storage/rocksdb/space_guard.h"
#include "storage/rocksdb/store_reader.h"
#include "storage/rocksdb/watermark.h"

namespace dalsegno::storage {

/// Appends: one atomic, synced RocksDB write, then the watermark, then the caller is told.
/// Any error of either stops the writer for good: what reached the disk is unknown until the store is reopened.
class StoreWriter : public StoreReader {
 public:
  StoreWriter(std::unique_ptr<Database> database, StoreInfo const& info, std::unique_ptr<SpaceGuard> space);
  ~StoreWriter() override;

  /// The mark that says that everything so far is acknowledged.
  [[nodiscard]] Mark acknowledged() const { return mark_of(info()); }
  /// From now on appends raise this watermark. Before any other thread sees the writer.
  void attach(std::unique_ptr<Watermark> watermark) { watermark_ = std::move(watermark); }

  [[nodiscard]] Result<CommitReceipt> append(std::span<Append const> batch) override;
  [[nodiscard]] Result<std::optional<Head>> head(SessionId const& session) const override;
  [[nodiscard]] Result<> put_meta(std::string_view key, std::string_view value) override;
  [[nodiscard]] Result<> room_for_new_sessions() const override;
  [[nodiscard]] Result<> compact() override;

 private:
  /// Syncs what is in `writes` and raises the watermark to it.
  Result<> write(rocksdb::WriteBatch& writes, StoreInfo const& after);
  Error stop(Error error);
  [[nodiscard]] Mark mark_of(StoreInfo const& info) const;

  // Set in the constructor and by attach().
  std::unique_ptr<SpaceGuard> space_;
  std::unique_ptr<Watermark> watermark_;
  // Only in the calls that come one at a time.
  std::optional<Error> stopped_;
  // Guards itself.
  mutable HeadCache heads_;
};

}  // namespace dalsegno::storage
