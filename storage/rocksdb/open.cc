#include "dalsegno/try.h"
#include "storage/log/bytes.h"
#include "storage/log/crash_point.h"
#include "storage/log/journal.h"
#include "storage/log/step_key.h"
#include "storage/rocksdb/commits.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/files.h"
#include "storage/rocksdb/folder.h"
#include "storage/rocksdb/meta_keys.h"
#include "storage/rocksdb/repair.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "storage/rocksdb/space_guard.h"
#include "storage/rocksdb/status.h"
#include "storage/rocksdb/store_writer.h"
#include "storage/rocksdb/watermark.h"

#include <openssl/rand.h>
#include <rocksdb/file_system.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::storage {
namespace {

std::string number16(std::uint16_t value) {
  ByteWriter out;
  out.u16be(value);
  return out.take();
}

std::string number32(std::uint32_t value) {
  ByteWriter out;
  out.u32be(value);
  return out.take();
}

std::string number64(std::uint64_t value) {
  ByteWriter out;
  out.u64be(value);
  return out.take();
}

/// Opening a store, step by step. Lives for one call.
class Opening {
 public:
  Opening(std::string folder, RocksDbOptions options)
      : layout_(std::move(folder)), options_(std::move(options)), files_(options_.file_system) {
    if (!files_) files_ = rocksdb::FileSystem::Default();
  }

  Result<std::unique_ptr<EventLog>> run() {
    if (options_.partitions < 1 || options_.partitions > first_reserved_partition) {
      return Error{Errc::invalid, std::to_string(options_.partitions) + " partitions"};
    }
    TRY(state_, look_at(*files_, layout_));
    TRY(mark_, Watermark::read(*files_, layout_.watermark));
    TRY_VOID(make_room());
    DatabaseOptions how{.file_system = options_.file_system,
                        .memtable_bytes = options_.memtable_bytes};
    how.create = state_ == FolderState::absent;
    if (!how.create) {
      TRY_VOID(lock());
      TRY(how.create, lacks_tables(how));
    }
    LogEndCheck check;
    if (!how.create) {
      TRY(check, examine(how));
    }
    if (check.loss && !options_.accept_loss) return check.loss->error;
    TRY_VOID(open_database(how));
    TRY_VOID(describe());
    if (check.loss) {
      TRY(check.end, repair(*database_, description_.partitions, check.end, *check.loss));
    }
    crash_point("open.before_epoch");
    TRY_VOID(take_epoch());
    crash_point("open.after_epoch");
    return start(check.end, check.loss);
  }

 private:
  /// A full disk must not keep the store from opening: RocksDB needs room to bring its log into
  /// order.
  Result<> make_room() {
    if (state_ == FolderState::absent) {
      TRY_VOID(create_folder(*files_, layout_.folder));
      auto const free = free_bytes(*files_, layout_.folder);
      if (free >= options_.free_space_floor_bytes / 2) return {};
      return Error{Errc::no_space,
                   std::to_string(free) + " bytes are free under " + layout_.folder + ", " +
                       std::to_string(options_.free_space_floor_bytes / 2) + " are needed"};
    }
    if (free_bytes(*files_, layout_.folder) < options_.memtable_bytes)
      drop_ballast(*files_, layout_.ballast);
    return {};
  }

  /// Whether another process has the store. (RocksDB's own lock, given back at once: opening takes
  /// it again.)
  Result<> lock() const {
    rocksdb::IOOptions const none;
    rocksdb::FileLock* held = nullptr;
    auto const status = files_->LockFile(layout_.database + "/LOCK", none, &held, nullptr);
    if (status.ok()) {
      files_->UnlockFile(held, none, nullptr).PermitUncheckedError();
      return {};
    }
    return lock_error(status);
  }

  Error lock_error(rocksdb::Status const& status) const {
    bool const taken = status.IsIOError() && status.ToString().find("lock") != std::string::npos;
    if (taken) return {Errc::locked, layout_.folder + " is open already: " + status.ToString()};
    return error_from(status, "opening " + layout_.database);
  }

  /// Reads the store without writing a byte, so that what is refused is left as it was found.
  /// Opening for writing would bring the write-ahead log into order, and with it remove what shows
  /// a loss.
  Result<LogEndCheck> examine(DatabaseOptions& how) const {
    bool whole = true;
    if (mark_.newest) {
      TRY(whole, manifest_continues(*files_, layout_.database, mark_.newest->manifest));
    }
    std::unique_ptr<Database> view;
    auto status = Database::open_read_only(layout_.database, how, view);
    if (!status.ok() && status.IsCorruption()) {
      // A power cut may leave anything behind the last sync. The watermark tells whether that is
      // all.
      how.recovery = options_.accept_loss ? Recovery::accepted : Recovery::point_in_time;
      auto const first = status;
      status = Database::open_read_only(layout_.database, how, view);
      if (!status.ok() && status.IsCorruption()) status = first;
    }
    if (!status.ok()) return error_from(status, "opening " + layout_.database);
    TRY(auto const description, read_description(*view));
    if (!description) return LogEndCheck{};  // describe() judges that
    return check_end(*view, mark_, whole ? ManifestFound::whole : ManifestFound::damaged);
  }

  Result<> open_database(DatabaseOptions const& how) {
    auto status = Database::open(layout_.database, how, database_);
    if (is_no_space(status) && drop_ballast(*files_, layout_.ballast)) {
      status = Database::open(layout_.database, how, database_);
    }
    if (!status.ok()) return lock_error(status);
    return {};
  }

  /// Whether column families of ours are missing, as they may after an interrupted creation only.
  Result<bool> lacks_tables(DatabaseOptions const& options) const {
    std::vector<std::string> names;
    auto const status = Database::list(layout_.database, options, names);
    if (!status.ok()) return error_from(status, "reading " + layout_.database);
    auto const has = [&](std::string_view name) {
      return std::ranges::find(names, name) != names.end();
    };
    auto const known = static_cast<std::size_t>(std::ranges::count_if(table_names, has));
    bool const only_default = names.size() == 1;
    if (known == 0 && !only_default)
      return Error{Errc::foreign, layout_.database + " is another program's database"};
    if (names.size() > known + 1) {
      return Error{Errc::newer_format,
                   layout_.folder +
                       " has tables that this program does not know; it knows formats up to " +
                       std::to_string(current_format)};
    }
    bool const lacks = known < table_count;
    if (lacks && state_ == FolderState::store) {
      return Error{Errc::corrupt,
                   layout_.database +
                       " lacks tables. Copy the folder before anything else; then restore it "
                       "from a backup"};
    }
    return lacks;
  }

  /// Reads what the store says about itself; at creation, says it.
  Result<> describe() {
    TRY(auto const found, read_description(*database_));
    if (found) {
      description_ = *found;
      if (mark_.newest && mark_.newest->log_id != description_.log_id) {
        return Error{Errc::corrupt, layout_.watermark + " belongs to another store"};
      }
      return {};
    }
    if (state_ == FolderState::store) {
      return Error{Errc::corrupt,
                   layout_.database +
                       " does not say what it is. Copy the folder before anything else; then "
                       "restore it from a backup"};
    }
    if (database_->db().GetLatestSequenceNumber() != 0) {
      return Error{Errc::foreign, layout_.database + " is another program's database"};
    }
    description_.partitions = options_.partitions;
    if (RAND_bytes(description_.log_id.bytes.data(),
                   static_cast<int>(description_.log_id.bytes.size())) != 1) {
      return Error{Errc::io, "no random bytes"};
    }
    rocksdb::WriteBatch writes;
    auto* const meta = (*database_)[Table::meta];
    auto const put = [&](std::string_view key, std::string const& value) {
      return writes.Put(meta, rocksdb::Slice(key.data(), key.size()), value);
    };
    auto status = put(meta_format, number16(description_.format));
    if (status.ok()) {
      auto const& id = description_.log_id.bytes;
      status = put(meta_log_id, std::string(id.begin(), id.end()));
    }
    if (status.ok()) status = put(meta_partitions, number32(description_.partitions));
    if (status.ok()) status = put(meta_hash, std::string(partition_hash));
    if (status.ok()) status = put(meta_epoch, number64(0));
    if (status.ok()) status = write_synced_batch(writes);
    // Into a table file, so that the description does not depend on the write-ahead log.
    if (status.ok()) status = database_->db().Flush(rocksdb::FlushOptions(), database_->all());
    if (!status.ok()) return error_from(status, "creating " + layout_.database);
    return {};
  }

  rocksdb::Status write_synced_batch(rocksdb::WriteBatch& writes) {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    return database_->db().Write(synced, &writes);
  }

  Result<> take_epoch() {
    auto const newest =
        mark_.newest ? std::max(mark_.newest->epoch, description_.epoch) : description_.epoch;
    description_.epoch = newest + 1;
    rocksdb::WriteBatch writes;
    auto status = writes.Put((*database_)[Table::meta],
                             rocksdb::Slice(meta_epoch.data(), meta_epoch.size()),
                             number64(description_.epoch));
    if (status.ok()) status = write_synced_batch(writes);
    if (!status.ok()) return error_from(status, "taking an epoch in " + layout_.database);
    return {};
  }

  Result<std::unique_ptr<EventLog>> start(LogEnd const& end, std::optional<Loss> const& loss) {
    StoreInfo info;
    info.log_id = description_.log_id;
    info.format = description_.format;
    info.partitions = description_.partitions;
    info.epoch = description_.epoch;
    info.generation = end.generation;
    info.last_commit = end.last_commit;
    info.last_commit_digest = end.digest;
    info.watermark_commit =
        mark_.newest && mark_.newest->generation == end.generation ? mark_.newest->commit : 0;
    if (loss) {
      info.generation = std::max(end.generation, mark_.newest ? mark_.newest->generation : 0) + 1;
      info.last_commit = 0;
      info.watermark_commit = 0;
    }
    auto space =
        std::make_unique<SpaceGuard>(files_, layout_.folder, options_.free_space_floor_bytes);
    auto writer =
        std::make_unique<StoreWriter>(std::move(database_), info, std::move(space), files_);
    // The new generation begins with this commit; until it is written the loss is not accepted.
    if (loss) TRY_VOID(record_acceptance(*writer, end, *loss));
    TRY_VOID(writer->start_watermark(layout_.watermark, mark_, options_.watermark_sync));
    TRY_VOID(sync_folder(*files_, layout_.folder));
    restore_ballast();
    return std::unique_ptr<EventLog>(std::move(writer));
  }

  Result<> record_acceptance(EventLog& log, LogEnd const& end, Loss const& loss) const {
    LossAccepted accepted;
    accepted.by = options_.accept_loss->by;
    accepted.reason = options_.accept_loss->reason;
    accepted.generation = mark_.newest ? mark_.newest->generation : end.generation;
    accepted.acknowledged_commit = loss.acknowledged_commit;
    accepted.found_commit = accepted.generation == end.generation ? end.last_commit : 0;
    auto events = options_.accept_loss->before;
    events.emplace_back(std::move(accepted));
    return append_to_journal(log, std::move(events), options_.accept_loss->now);
  }

  void restore_ballast() const {
    if (options_.ballast_bytes == 0 || file_exists(*files_, layout_.ballast)) return;
    auto const free = free_bytes(*files_, layout_.folder);
    if (free < options_.ballast_bytes ||
        free - options_.ballast_bytes < options_.free_space_floor_bytes)
      return;
    create_ballast(*files_, layout_.ballast, options_.ballast_bytes);
  }

  Layout layout_;
  RocksDbOptions options_;
  std::shared_ptr<rocksdb::FileSystem> files_;
  FolderState state_ = FolderState::absent;
  StoredMark mark_;
  std::unique_ptr<Database> database_;
  Description description_;
};

}  // namespace

Result<std::unique_ptr<EventLog>> open_rocksdb(std::filesystem::path const& folder,
                                               RocksDbOptions options) {
  return Opening(folder.lexically_normal().string(), std::move(options)).run();
}

}  // namespace dalsegno::storage
