#include "dalsegno/try.h"
#include "storage/rocksdb/commits.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/folder.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "storage/rocksdb/status.h"
#include "storage/rocksdb/store_reader.h"
#include "storage/rocksdb/watermark.h"

#include <rocksdb/file_system.h>

#include <filesystem>
#include <string>
#include <utility>

namespace dalsegno::storage {
namespace {

/// A live writer may remove a file between our learning of it and opening it: then look again.
constexpr int most_looks = 5;

/// A store that is only looked at.
class StoreView : public StoreReader {
 public:
  StoreView(std::unique_ptr<Database> database, StoreInfo const& info)
      : StoreReader(std::move(database), info) {}

  [[nodiscard]] Result<CommitReceipt> append(std::span<Append const> /*batch*/) override {
    return read_only();
  }
  [[nodiscard]] Result<> put_meta(std::string_view /*key*/, std::string_view /*value*/) override {
    return read_only();
  }
  [[nodiscard]] Result<> put_vault(SessionId const& /*session*/,
                                   std::span<VaultRecord const> /*records*/) override {
    return read_only();
  }
  [[nodiscard]] Result<> destroy_vault(SessionId const& /*session*/,
                                       std::span<VaultRecord const> /*kept*/) override {
    return read_only();
  }
  [[nodiscard]] Result<> room_for_new_sessions() const override { return read_only(); }
  [[nodiscard]] Result<> compact() override { return read_only(); }

 private:
  static Error read_only() { return {Errc::invalid, "this store is open for reading only"}; }
};

Result<std::unique_ptr<Database>> open_view(Layout const& layout) {
  rocksdb::Status status;
  for (int look = 0; look < most_looks; ++look) {
    std::unique_ptr<Database> database;
    status = Database::open_read_only(layout.database, DatabaseOptions{}, database);
    if (status.ok()) return database;
  }
  return error_from(status, "reading " + layout.database);
}

}  // namespace

Result<std::unique_ptr<EventLog>> open_rocksdb_for_reading(std::filesystem::path const& folder,
                                                           std::string* data_loss_warning) {
  Layout const layout(folder.lexically_normal().string());
  auto const files = rocksdb::FileSystem::Default();
  TRY(auto const state, look_at(*files, layout));
  if (state == FolderState::absent)
    return Error{Errc::not_found, "there is no store in " + layout.folder};
  // First the watermark: a live writer may raise it while we open, and the rest is never behind it.
  TRY(auto const mark, Watermark::read(*files, layout.watermark));
  bool whole = true;
  if (mark.newest) {
    TRY(whole, manifest_continues(*files, layout.database, mark.newest->manifest));
  }
  TRY(auto database, open_view(layout));
  TRY(auto const description, read_description(*database));
  if (!description) return Error{Errc::not_found, "there is no store in " + layout.folder};
  TRY(auto const check,
      check_end(*database, mark, whole ? ManifestFound::whole : ManifestFound::damaged));
  if (check.loss && data_loss_warning != nullptr) *data_loss_warning = check.loss->error.detail;
  StoreInfo info;
  info.log_id = description->log_id;
  info.format = description->format;
  info.partitions = description->partitions;
  info.epoch = description->epoch;
  info.generation = check.end.generation;
  info.last_commit = check.end.last_commit;
  info.last_commit_digest = check.end.digest;
  info.watermark_commit =
      mark.newest && mark.newest->generation == check.end.generation ? mark.newest->commit : 0;
  return std::unique_ptr<EventLog>(new StoreView(std::move(database), info));
}

}  // namespace dalsegno::storage
