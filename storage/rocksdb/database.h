#pragma once

// The RocksDB database inside a store: its column families and how it is tuned. Included by sources
// of this folder only.

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::storage {

/// Our column families. RocksDB's `default` exists too and stays empty.
enum class Table : std::size_t {
  steps,
  sessions,
  timers,
  checkpoints,
  vault,
  artifacts,
  keys,
  meta
};
inline constexpr std::size_t table_count = 8;
inline constexpr std::array<std::string_view, table_count> table_names{
    "steps", "sessions", "timers", "checkpoints", "vault", "artifacts", "keys", "meta"};

/// Which damage RocksDB may pass over when it reads its write-ahead log.
enum class Recovery : std::uint8_t {
  torn_tail,      ///< only an incomplete record at the end of a log, as a crash leaves it
  point_in_time,  ///< everything from the first bad record on: only if nothing acknowledged is lost
                  ///< by it
  accepted,       ///< that, and whole log files that are missing: a person has accepted the loss
};

struct DatabaseOptions {
  std::shared_ptr<rocksdb::FileSystem> file_system;  ///< null: the machine's own
  std::uint64_t memtable_bytes = 32ULL << 20;
  Recovery recovery = Recovery::torn_tail;
  bool create = false;  ///< the database, or column families that are missing
};

class DatabaseListener;

/// An open database with its handles. Thread: as rocksdb::DB.
class Database {
 public:
  /// Opens for reading and writing.
  static rocksdb::Status open(std::string const& path,
                              DatabaseOptions const& options,
                              std::unique_ptr<Database>& result);
  /// Opens for reading and writes nothing. Beside a live writer it may find a file gone that it has
  /// just learned of: open again then. (Not a secondary instance: one of RocksDB 7.8 passes
  /// silently over table files that it cannot read, and crashes on blob files.)
  static rocksdb::Status open_read_only(std::string const& path,
                                        DatabaseOptions const& options,
                                        std::unique_ptr<Database>& result);
  /// The names of the column families that are there, `default` among them.
  static rocksdb::Status list(std::string const& path,
                              DatabaseOptions const& options,
                              std::vector<std::string>& names);

  /// `changed` is called, on a thread of RocksDB's, after each change of the list of files;
  /// nothing: no longer. When this returns, the function that was set before is not running.
  void when_files_change(std::function<void()> changed);

  Database(Database const&) = delete;
  Database& operator=(Database const&) = delete;
  ~Database();

  [[nodiscard]] rocksdb::DB& db() const { return *db_; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* operator[](Table table) const {
    return tables_[static_cast<std::size_t>(table)];
  }
  [[nodiscard]] std::vector<rocksdb::ColumnFamilyHandle*> all() const {
    return {tables_.begin(), tables_.end()};
  }

  /// How many keys of the steps table were read from the write-ahead log rather than from table
  /// files.
  [[nodiscard]] std::uint64_t recovered_steps() const { return recovered_steps_; }

 private:
  Database() = default;
  void take(rocksdb::DB* db, std::vector<rocksdb::ColumnFamilyHandle*> const& handles);
  void count_memtables();
  void close_within_reason();

  rocksdb::Env* use(std::shared_ptr<rocksdb::FileSystem> const& files);

  std::unique_ptr<rocksdb::Env> env_;  // only with a file system that was given; outlives db_
  std::shared_ptr<DatabaseListener> listener_;  // shared with db_
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  std::array<rocksdb::ColumnFamilyHandle*, table_count> tables_{};
  std::uint64_t recovered_steps_ = 0;
};

}  // namespace dalsegno::storage
