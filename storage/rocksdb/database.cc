#include "storage/rocksdb/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <atomic>

namespace dalsegno::storage {
namespace {

/// Counts what recovery writes from the write-ahead log into table files.
class RecoveryCounter : public rocksdb::EventListener {
 public:
  void OnTableFileCreated(rocksdb::TableFileCreationInfo const& info) override {
    bool const steps = info.cf_name == table_names[static_cast<std::size_t>(Table::steps)];
    if (steps && info.reason == rocksdb::TableFileCreationReason::kRecovery) {
      steps_ += info.table_properties.num_entries;
    }
  }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  std::atomic<std::uint64_t> steps_ = 0;
};

rocksdb::DBOptions tuned(DatabaseOptions const& options) {
  rocksdb::DBOptions tuned;
  // Durability.
  tuned.create_if_missing = options.create;
  tuned.create_missing_column_families = options.create;
  tuned.wal_recovery_mode = options.recovery == Recovery::torn_tail
                                ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  tuned.track_and_verify_wals_in_manifest = true;
  // All tables are flushed together, so table files of different column families never disagree about the time.
  tuned.atomic_flush = true;
  // A failed write is never tried again behind our back.
  tuned.max_bgerror_resume_count = 0;
  tuned.allow_fallocate = false;  // with it a full disk runs into assertions of Debian's build
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
  tuned.compression = rocksdb::kZSTD;
  tuned.level_compaction_dynamic_level_bytes = true;
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.format_version = 5;
  if (table == Table::steps) {
    blocks.block_size = 32 << 10;  // steps of one run are alike: larger blocks compress better
  } else if (table != Table::timers && table != Table::meta) {
    blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // read by key
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
  tables.emplace_back(rocksdb::kDefaultColumnFamilyName, tuned_table(Table::meta, memtable_bytes, cache));
  for (std::size_t i = 0; i < table_count; ++i) {
    tables.emplace_back(std::string(table_names[i]), tuned_table(static_cast<Table>(i), memtable_bytes, cache));
  }
  return tables;
}

}  // namespace

void Database::take(rocksdb::DB* db, std::vector<rocksdb::ColumnFamilyHandle*> const& handles) {
  db_.reset(db);
  default_ = handles[0];
  for (std::size_t i = 0; i < table_count; ++i) tables_[i] = handles[i + 1];
}

Database::~Database() {
  if (!db_) return;
  for (auto* table : tables_) db_->DestroyColumnFamilyHandle(table).PermitUncheckedError();
  db_->DestroyColumnFamilyHandle(default_).PermitUncheckedError();
}

rocksdb::Status Database::open(std::string const& path,
                               DatabaseOptions const& options,
                               std::unique_ptr<Database>& result) {
  std::unique_ptr<Database> database(new Database);
  auto const counter = std::make_shared<RecoveryCounter>();
  auto db_options = tuned(options);
  db_options.listeners.push_back(counter);
  if (options.file_system) {
    database->env_ = rocksdb::NewCompositeEnv(options.file_system);
    db_options.env = database->env_.get();
  }
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  auto status = rocksdb::DB::Open(db_options, path, tuned_tables(options.memtable_bytes), &handles, &db);
  if (!status.ok()) return status;
  database->take(db, handles);
  database->recovered_steps_ = counter->steps();
  result = std::move(database);
  return status;
}

rocksdb::Status Database::open_secondary(std::string const& path,
                                         std::string const& log_path,
                                         std::unique_ptr<Database>& result) {
  std::unique_ptr<Database> database(new Database);
  DatabaseOptions const options;
  auto db_options = tuned(options);
  db_options.max_open_files = -1;  // the writer may remove files that we are reading: keep all of them open
  db_options.max_log_file_size = 0;  // one log file, never another: its folder goes away
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  auto status = rocksdb::DB::OpenAsSecondary(
      db_options, path, log_path, tuned_tables(options.memtable_bytes), &handles, &db);
  if (!status.ok()) return status;
  database->take(db, handles);
  std::uint64_t active = 0;
  std::uint64_t full = 0;
  db->GetIntProperty((*database)[Table::steps], rocksdb::DB::Properties::kNumEntriesActiveMemTable, &active);
  db->GetIntProperty((*database)[Table::steps], rocksdb::DB::Properties::kNumEntriesImmMemTables, &full);
  database->recovered_steps_ = active + full;
  result = std::move(database);
  return status;
}

rocksdb::Status Database::list(std::string const& path,
                               DatabaseOptions const& options,
                               std::vector<std::string>& names) {
  std::unique_ptr<rocksdb::Env> env;
  rocksdb::DBOptions db_options;
  if (options.file_system) {
    env = rocksdb::NewCompositeEnv(options.file_system);
    db_options.env = env.get();
  }
  return rocksdb::DB::ListColumnFamilies(db_options, path, &names);
}

}  // namespace dalsegno::storage
