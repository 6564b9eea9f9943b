#include "storage/rocksdb/store_writer.h"

#include "dalsegno/try.h"
#include "storage/log/append_rules.h"
#include "storage/log/crash_point.h"
#include "storage/log/records.h"
#include "storage/log/step_key.h"
#include "storage/rocksdb/cursor.h"
#include "storage/rocksdb/meta_keys.h"
#include "storage/rocksdb/status.h"

#include <rocksdb/convenience.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dalsegno::storage {
namespace {

/// RocksDB counts a batch's bytes in 32 bits in places; artifacts are what could get there.
constexpr std::uint64_t max_batch_bytes = 1ULL << 30;
/// A store that is closed with more than this in memory is flushed first, so that the next opening
/// is quick.
constexpr std::uint64_t flush_at_close_bytes = 1 << 20;

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::uint64_t size_of(Append const& append) {
  std::uint64_t bytes = 512 + append.step.bytes.size();
  for (auto const& checkpoint : append.checkpoints) bytes += checkpoint.bytes.size();
  for (auto const& artifact : append.artifacts) bytes += artifact.bytes.size();
  for (auto const& record : append.vault) bytes += record.bytes.size();
  return bytes;
}

/// One atomic write in the making.
class Transaction {
 public:
  Transaction(Database const& database, rocksdb::WriteBatch& writes)
      : database_(database), writes_(writes) {}

  void put(Table table, std::string_view key, std::string_view value) {
    auto const status = writes_.Put(database_[table], slice(key), slice(value));
    if (!status.ok() && status_.ok()) status_ = status;
  }
  void remove(Table table, std::string_view key) {
    auto const status = writes_.Delete(database_[table], slice(key));
    if (!status.ok() && status_.ok()) status_ = status;
  }
  [[nodiscard]] rocksdb::Status const& status() const { return status_; }

 private:
  Database const& database_;
  rocksdb::WriteBatch& writes_;
  rocksdb::Status status_;
};

std::string errand_key(Errand const& errand, std::uint32_t partitions) {
  return std::string(meta_errands) + static_cast<char>(errand.kind) +
         step_key(partition_of(errand.session, partitions),
                  errand.session,
                  errand.run,
                  static_cast<Sequence>(errand.operation));
}

/// The step and all that changes with it; returns the step's key.
std::string put_step(Transaction& to, Append const& append, std::uint32_t partitions) {
  auto const partition = partition_of(append.session, partitions);
  auto const& session = append.session;
  auto const prefix = session_prefix(partition, session);
  auto key = step_key(partition, session, append.run, append.first_sequence);
  to.put(Table::steps, key, append.step.bytes);
  to.put(Table::sessions, prefix, encode_head(append.head));
  // A timer that the same step arms and clears is not armed.
  for (auto const& timer : append.timers_set) to.put(Table::timers, timer_key(timer), "");
  for (auto const& timer : append.timers_cleared) to.remove(Table::timers, timer_key(timer));
  for (auto const& errand : append.errands_set)
    to.put(Table::meta, errand_key(errand, partitions), "");
  for (auto const& errand : append.errands_done)
    to.remove(Table::meta, errand_key(errand, partitions));
  for (auto const& producer : append.producer_keys) {
    to.put(Table::keys,
           producer_key_key(partition, session, producer.key),
           encode_sequence(producer.sequence));
  }
  for (auto const& checkpoint : append.checkpoints) {
    to.put(Table::checkpoints,
           checkpoint_key(partition, session, append.run, checkpoint.sequence),
           checkpoint.bytes);
  }
  for (auto const& artifact : append.artifacts) {
    to.put(Table::artifacts, artifact_key(partition, session, artifact.digest), artifact.bytes);
  }
  if (append.secret) to.put(Table::vault, prefix, encode_secret(*append.secret));
  for (auto const& record : append.vault)
    to.put(Table::vault, vault_key(partition, session, record.name), record.bytes);
  return key;
}

}  // namespace

StoreWriter::StoreWriter(std::unique_ptr<Database> database,
                         StoreInfo const& info,
                         std::unique_ptr<SpaceGuard> space,
                         std::shared_ptr<rocksdb::FileSystem> files)
    : StoreReader(std::move(database), info), space_(std::move(space)), files_(std::move(files)) {
  mark_.log_id = info.log_id;
  mark_.epoch = info.epoch;
}

StoreWriter::~StoreWriter() {
  auto& db = database().db();
  std::uint64_t in_memory = 0;
  db.GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &in_memory);
  if (!stopped_ && in_memory >= flush_at_close_bytes) {
    // A failure loses nothing: all of it is in the write-ahead log as well.
    db.Flush(rocksdb::FlushOptions(), database().all()).PermitUncheckedError();
  }
  rocksdb::CancelAllBackgroundWork(&db, true);
  database().when_files_change({});
}

Result<> StoreWriter::start_watermark(std::string const& path,
                                      StoredMark const& found,
                                      std::chrono::milliseconds sync_every) {
  // The list of files may change at any time from now on: first listen, then look.
  database().when_files_change([this] { note_manifest(); });
  auto const now = info();
  std::lock_guard const lock(mark_mutex_);
  TRY(mark_.manifest, read_manifest_state(*files_, database().db().GetName()));
  mark_.generation = now.generation;
  mark_.commit = now.last_commit;
  mark_.digest = now.last_commit_digest;
  mark_.database = database().db().GetLatestSequenceNumber();
  TRY(watermark_, Watermark::start(files_, path, found, mark_, sync_every));
  return {};
}

Result<> StoreWriter::raise_watermark(StoreInfo const& acknowledged) {
  std::lock_guard const lock(mark_mutex_);
  if (!watermark_) return {};
  mark_.generation = acknowledged.generation;
  mark_.commit = acknowledged.last_commit;
  mark_.digest = acknowledged.last_commit_digest;
  mark_.database = database().db().GetLatestSequenceNumber();
  return watermark_->write(mark_);
}

void StoreWriter::note_manifest() {
  std::lock_guard const lock(mark_mutex_);
  auto const state = read_manifest_state(*files_, database().db().GetName());
  if (!state || !watermark_) return;  // the mark stays behind, which is no error
  mark_.manifest = *state;
  // If this fails the next append does, and stops the writer.
  static_cast<void>(watermark_->write(mark_));
}

Error StoreWriter::stop(Error error) {
  error.detail += "; the writer has stopped: reopen the store to see what was written";
  stopped_ = error;
  return error;
}

Result<> StoreWriter::write(rocksdb::WriteBatch& writes, StoreInfo const& after) {
  rocksdb::WriteOptions options;
  options.sync = true;
  crash_point("commit.before_write");
  auto const status = database().db().Write(options, &writes);
  if (!status.ok()) return stop(error_from(status, "appending"));
  crash_point("commit.before_watermark");
  if (auto marked = raise_watermark(after); !marked) return stop(marked.error());
  crash_point("commit.after_watermark");
  set_info(after);
  return {};
}

Result<CommitReceipt> StoreWriter::append(std::span<Append const> batch) {
  if (stopped_) return *stopped_;
  CommitReceipt receipt;
  receipt.each.reserve(batch.size());
  auto after = info();
  CommitRecord record;
  record.generation = after.generation;
  record.number = after.last_commit + 1;
  record.previous = after.last_commit_digest;
  std::vector<Digest> hashes;
  std::unordered_map<SessionId, Head const*> heads;  // as this batch leaves them
  rocksdb::WriteBatch writes;
  Transaction transaction(database(), writes);
  std::uint64_t bytes = 0;
  for (auto const& append : batch) {
    auto const in_batch = heads.find(append.session);
    auto current = in_batch != heads.end() ? Result<std::optional<Head>>(*in_batch->second)
                                           : head(append.session);
    auto allowed =
        current ? check_append(*current, append, after.epoch) : Result<>(current.error());
    if (allowed && bytes + size_of(append) > max_batch_bytes) {
      allowed = Error{Errc::too_large,
                      to_string(append.session) + ": too much for one write, append it apart"};
    }
    receipt.each.push_back(allowed);
    if (!allowed) continue;
    bytes += size_of(append);
    if (!append.checkpoints.empty()) crash_point("checkpoint.before_write");
    auto key = put_step(transaction, append, after.partitions);
    record.steps.push_back({.key = std::move(key), .last_sequence = append.head.last_sequence});
    hashes.push_back(append.step.hash);
    heads[append.session] = &append.head;
  }
  if (record.steps.empty()) return receipt;
  TRY_VOID(space_->room_to_append(bytes));
  auto const commit = encode_commit(record);
  transaction.put(Table::steps, commit.key, commit.value);
  if (!transaction.status().ok()) return stop(error_from(transaction.status(), "appending"));
  after.last_commit = record.number;
  after.last_commit_digest = commit_digest(commit.key, commit.value, hashes);
  TRY_VOID(write(writes, after));
  for (auto const& [session, newest] : heads) heads_.put(session, *newest);
  receipt.number = record.number;
  return receipt;
}

Result<std::optional<Head>> StoreWriter::head(SessionId const& session) const {
  if (auto known = heads_.find(session)) return known;
  return StoreReader::head(session);
}

Result<> StoreWriter::put_meta(std::string_view key, std::string_view value) {
  if (stopped_) return *stopped_;
  TRY_VOID(space_->room_to_append(key.size() + value.size()));
  rocksdb::WriteBatch writes;
  Transaction transaction(database(), writes);
  transaction.put(Table::meta, runtime_meta_key(key), value);
  if (!transaction.status().ok()) return stop(error_from(transaction.status(), "appending"));
  return write(writes, info());
}

Result<> StoreWriter::put_vault(SessionId const& session, std::span<VaultRecord const> records) {
  if (stopped_) return *stopped_;
  TRY_VOID(check_vault_names(records));
  std::uint64_t bytes = 0;
  rocksdb::WriteBatch writes;
  Transaction transaction(database(), writes);
  for (auto const& record : records) {
    bytes += record.bytes.size();
    transaction.put(
        Table::vault, vault_key(partition(session), session, record.name), record.bytes);
  }
  TRY_VOID(space_->room_to_append(bytes));
  if (!transaction.status().ok())
    return stop(error_from(transaction.status(), "writing to a vault"));
  return write(writes, info());
}

Result<> StoreWriter::destroy_vault(SessionId const& session, std::span<VaultRecord const> kept) {
  if (stopped_) return *stopped_;
  TRY_VOID(check_vault_names(kept));
  auto const prefix = session_prefix(partition(session), session);
  rocksdb::WriteBatch writes;
  Transaction transaction(database(), writes);
  transaction.remove(Table::vault, prefix);
  TRY_VOID(scan_vault(session, [&](VaultRecord const& record) {
    transaction.remove(Table::vault, prefix + record.name);
    return true;
  }));
  for (auto const& record : kept) transaction.put(Table::vault, prefix + record.name, record.bytes);
  if (!transaction.status().ok()) return stop(error_from(transaction.status(), "erasing a vault"));
  TRY_VOID(write(writes, info()));
  // Out of the write-ahead log: a flush lets RocksDB delete it. Out of the table files: by
  // compaction.
  auto& db = database().db();
  auto status = db.Flush(rocksdb::FlushOptions(), database().all());
  auto const end = after_prefix(prefix);
  rocksdb::Slice const from(prefix);
  rocksdb::Slice const to(end);
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  if (status.ok()) status = db.CompactRange(options, database()[Table::vault], &from, &to);
  if (!status.ok()) return error_from(status, "erasing a vault from the table files");
  return {};
}

Result<> StoreWriter::room_for_new_sessions() const { return space_->room_for_new_sessions(); }

Result<> StoreWriter::compact() {
  auto& db = database().db();
  auto status = db.Flush(rocksdb::FlushOptions(), database().all());
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  for (auto* table : database().all()) {
    // Who asks for it wants it small, whatever level that is.
    auto const compress = [&](char const* how) {
      return db.SetOptions(table, {{"bottommost_compression", how}});
    };
    if (status.ok()) status = compress("kZSTD");
    if (status.ok()) status = db.CompactRange(options, table, nullptr, nullptr);
    if (status.ok()) status = compress("kDisableCompressionOption");
  }
  if (!status.ok()) return error_from(status, "compacting");
  return {};
}

}  // namespace dalsegno::storage
