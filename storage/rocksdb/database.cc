#include "storage/rocksdb/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <atomic>
#include <chrono>
#include <cstdarg>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace dalsegno::storage {

/// Counts what recovery writes from the write-ahead log into table files, and passes on changes of
/// the list of files.
class DatabaseListener : public rocksdb::EventListener {
 public:
  void OnTableFileCreated(rocksdb::TableFileCreationInfo const& info) override {
    bool const steps = info.cf_name == table_names[static_cast<std::size_t>(Table::steps)];
    if (steps && info.reason == rocksdb::TableFileCreationReason::kRecovery) {
      recovered_steps_ += info.table_properties.num_entries;
    }
  }
  void OnFlushCompleted(rocksdb::DB* /*db*/, rocksdb::FlushJobInfo const& /*info*/) override {
    files_changed();
  }
  void OnCompactionCompleted(rocksdb::DB* /*db*/,
                             rocksdb::CompactionJobInfo const& /*info*/) override {
    files_changed();
  }

  [[nodiscard]] std::uint64_t recovered_steps() const { return recovered_steps_; }
  void when_files_change(std::function<void()> changed) {
    std::lock_guard const lock(mutex_);
    changed_ = std::move(changed);
  }

 private:
  void files_changed() {
    std::lock_guard const lock(mutex_);
    if (changed_) changed_();
  }

  std::atomic<std::uint64_t> recovered_steps_ = 0;
  // Guarded by mutex_, which is held while the function runs.
  std::mutex mutex_;
  std::function<void()> changed_;
};

namespace {

/// For readers: RocksDB's own log would be a file beside the evidence.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(char const* /*format*/, va_list /*arguments*/) override {}
};

/// A key without its last `tail` bytes. What a session writes next stands right behind what it
/// wrote last, so a memtable that remembers the place of each such prefix need not search for it.
class WithoutTail : public rocksdb::SliceTransform {
 public:
  explicit WithoutTail(std::size_t tail) : tail_(tail) {}
  [[nodiscard]] char const* Name() const override { return "dalsegno.without_tail"; }
  [[nodiscard]] rocksdb::Slice Transform(rocksdb::Slice const& key) const override {
    return {key.data(), key.size() - tail_};
  }
  [[nodiscard]] bool InDomain(rocksdb::Slice const& key) const override {
    return key.size() > tail_;
  }

 private:
  std::size_t tail_;
};

rocksdb::DBOptions tuned(DatabaseOptions const& options) {
  rocksdb::DBOptions tuned;
  // Durability.
  tuned.create_if_missing = options.create;
  tuned.create_missing_column_families = options.create;
  tuned.wal_recovery_mode = options.recovery == Recovery::torn_tail
                                ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  tuned.track_and_verify_wals_in_manifest = options.recovery != Recovery::accepted;
  // All tables are flushed together, so table files of different column families never disagree
  // about the time.
  tuned.atomic_flush = true;
  // A failed write is never tried again behind our back.
  tuned.max_bgerror_resume_count = 0;
  tuned.allow_fallocate = false;  // with it a full disk runs into assertions of Debian's build
  tuned.max_manifest_file_size = 4 << 20;  // it is read as a whole after each change
  // Memory and threads.
  tuned.db_write_buffer_size = options.memtable_bytes;
  tuned.max_total_wal_size = 2 * options.memtable_bytes;
  tuned.max_background_jobs = 2;
  tuned.max_open_files = 512;
  tuned.max_file_opening_threads = 2;
  tuned.allow_concurrent_memtable_write = false;  // there is one writer
  tuned.enable_write_thread_adaptive_yield = false;
  tuned.bytes_per_sync = 1 << 20;
  tuned.skip_stats_update_on_db_open = true;
  // Its own log files: few and small.
  tuned.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  tuned.keep_log_file_num = 2;
  tuned.max_log_file_size = 1 << 20;
  tuned.stats_dump_period_sec = 0;
  tuned.stats_persist_period_sec = 0;
  return tuned;
}

rocksdb::ColumnFamilyOptions tuned_table(Table table,
                                         std::uint64_t memtable_bytes,
                                         std::shared_ptr<rocksdb::Cache> const& cache) {
  rocksdb::ColumnFamilyOptions tuned;
  tuned.write_buffer_size = memtable_bytes;  // the bound over all of them comes first
  tuned.arena_block_size = 64 << 10;
  // What is written again soon is compressed little: memtables are small, so tables reach the first
  // level often, and the 256 MiB that stand there are rewritten with each twelve of them. What lies
  // below comes last and stays.
  tuned.compression = rocksdb::kZSTD;
  tuned.compression_per_level = {rocksdb::kNoCompression, rocksdb::kLZ4Compression, rocksdb::kZSTD};
  tuned.level0_file_num_compaction_trigger = 12;
  tuned.level0_slowdown_writes_trigger = 32;
  tuned.level0_stop_writes_trigger = 48;
  tuned.level_compaction_dynamic_level_bytes = true;
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.format_version = 5;
  if (table == Table::steps) {
    constexpr std::size_t number_bytes = 8;  // first sequence, or number of the commit
    tuned.memtable_insert_with_hint_prefix_extractor = std::make_shared<WithoutTail>(number_bytes);
    blocks.block_size = 32 << 10;  // steps of one run are alike: larger blocks compress better
  } else if (table != Table::timers && table != Table::meta) {
    blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // read by key
  }
  if (table == Table::sessions) {
    tuned.memtable_insert_with_hint_prefix_extractor = std::make_shared<WithoutTail>(0);
  }
  if (table == Table::artifacts) {
    tuned.enable_blob_files = true;
    tuned.min_blob_size = 4 << 10;
    tuned.blob_compression_type = rocksdb::kZSTD;
  }
  tuned.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  return tuned;
}

std::vector<rocksdb::ColumnFamilyDescriptor> tuned_tables(std::uint64_t memtable_bytes) {
  auto const cache = rocksdb::NewLRUCache(32 << 20);
  std::vector<rocksdb::ColumnFamilyDescriptor> tables;
  tables.emplace_back(rocksdb::kDefaultColumnFamilyName,
                      tuned_table(Table::meta, memtable_bytes, cache));
  for (std::size_t i = 0; i < table_count; ++i) {
    tables.emplace_back(std::string(table_names[i]),
                        tuned_table(static_cast<Table>(i), memtable_bytes, cache));
  }
  return tables;
}

}  // namespace

void Database::take(rocksdb::DB* db, std::vector<rocksdb::ColumnFamilyHandle*> const& handles) {
  db_.reset(db);
  default_ = handles[0];
  for (std::size_t i = 0; i < table_count; ++i) tables_[i] = handles[i + 1];
}

void Database::when_files_change(std::function<void()> changed) {
  if (listener_) listener_->when_files_change(std::move(changed));
}

Database::~Database() {
  if (!db_) return;
  for (auto* table : tables_) db_->DestroyColumnFamilyHandle(table).PermitUncheckedError();
  db_->DestroyColumnFamilyHandle(default_).PermitUncheckedError();
  close_within_reason();
}

/// RocksDB 7.8 may wait for ever when it is closed after a failed call: seen in
/// DBImpl::CloseHelper with an injected I/O error, while all its threads were idle; why is not
/// known. Then it is left open, lock and all, until the process ends.
void Database::close_within_reason() {
  struct Remains {
    std::unique_ptr<rocksdb::Env> env;
    std::shared_ptr<DatabaseListener> listener;
    std::unique_ptr<rocksdb::DB> db;
    std::promise<void> closed;
  };
  auto* const remains = new Remains{std::move(env_), std::move(listener_), std::move(db_), {}};
  auto closed = remains->closed.get_future();
  std::thread closer([remains] {
    remains->db.reset();
    remains->closed.set_value();
  });
  constexpr std::chrono::seconds long_enough{10};
  if (closed.wait_for(long_enough) == std::future_status::ready) {
    closer.join();
    delete remains;
  } else {
    closer.detach();  // and `remains` stay as they are
  }
}

rocksdb::Env* Database::use(std::shared_ptr<rocksdb::FileSystem> const& files) {
  if (!files) return rocksdb::Env::Default();
  env_ = rocksdb::NewCompositeEnv(files);
  return env_.get();
}

void Database::count_memtables() {
  std::uint64_t active = 0;
  std::uint64_t full = 0;
  auto* const steps = (*this)[Table::steps];
  db_->GetIntProperty(steps, rocksdb::DB::Properties::kNumEntriesActiveMemTable, &active);
  db_->GetIntProperty(steps, rocksdb::DB::Properties::kNumEntriesImmMemTables, &full);
  recovered_steps_ = active + full;
}

rocksdb::Status Database::open(std::string const& path,
                               DatabaseOptions const& options,
                               std::unique_ptr<Database>& result) {
  std::unique_ptr<Database> database(new Database);
  database->listener_ = std::make_shared<DatabaseListener>();
  auto db_options = tuned(options);
  db_options.listeners.push_back(database->listener_);
  db_options.env = database->use(options.file_system);
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  auto status =
      rocksdb::DB::Open(db_options, path, tuned_tables(options.memtable_bytes), &handles, &db);
  if (!status.ok()) return status;
  database->take(db, handles);
  database->recovered_steps_ = database->listener_->recovered_steps();
  result = std::move(database);
  return status;
}

rocksdb::Status Database::open_read_only(std::string const& path,
                                         DatabaseOptions const& options,
                                         std::unique_ptr<Database>& result) {
  std::unique_ptr<Database> database(new Database);
  auto db_options = tuned(options);
  db_options.info_log = std::make_shared<NoLog>();
  // All table files are opened now, and stay open: what is damaged shows here, and a writer may
  // remove them while we read.
  db_options.max_open_files = -1;
  db_options.env = database->use(options.file_system);
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  auto status = rocksdb::DB::OpenForReadOnly(
      db_options, path, tuned_tables(options.memtable_bytes), &handles, &db);
  if (!status.ok()) return status;
  database->take(db, handles);
  database->count_memtables();
  result = std::move(database);
  return status;
}

rocksdb::Status Database::list(std::string const& path,
                               DatabaseOptions const& options,
                               std::vector<std::string>& names) {
  Database files_only;
  rocksdb::DBOptions db_options;
  db_options.env = files_only.use(options.file_system);
  return rocksdb::DB::ListColumnFamilies(db_options, path, &names);
}

}  // namespace dalsegno::storage
