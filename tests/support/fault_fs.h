#pragma once

// A file system for RocksDB that fails on demand, and one that remembers what a power cut would
// leave.

#include <rocksdb/file_system.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::test {

/// Kinds of calls; used as bits.
enum IoKind : unsigned {
  io_write = 1,
  io_sync = 2,
  io_folder_sync = 4,
  io_rename = 8,
  io_create = 16,
  io_read = 32,
  io_remove = 64,
  io_all = 127,
};

enum class Fault : std::uint8_t { io_error, no_space, short_write };
enum class Lasting : std::uint8_t { once, from_there_on };

/// Which call fails, and how.
struct FaultPlan {
  std::uint64_t call = 1;  ///< the n-th of `kinds`, from 1
  unsigned kinds = io_all;
  Fault fault = Fault::io_error;
  Lasting lasting = Lasting::once;
};

/// What happened to the disk, in order.
struct DiskOperation {
  enum class Kind : std::uint8_t {
    create,
    write,
    truncate,
    sync,
    rename,
    remove,
    create_folder,
    sync_folder
  };
  Kind kind;
  std::string path;
  std::string to = {};       ///< rename
  std::uint64_t offset = 0;  ///< write; truncate: the new size
  std::string bytes = {};
};

/// The machine's file system with faults in front of it. Thread: any.
class FaultFs : public rocksdb::FileSystemWrapper {
 public:
  FaultFs();
  char const* Name() const override { return "FaultFs"; }

  void fail(FaultPlan const& plan);
  void heal();
  /// Calls of these kinds since the plan was set (or from the beginning).
  [[nodiscard]] std::uint64_t calls() const;
  [[nodiscard]] bool has_failed() const;
  /// What GetFreeSpace says from now on.
  void set_free_space(std::optional<std::uint64_t> bytes);

  void start_recording();
  [[nodiscard]] std::size_t recorded() const;
  [[nodiscard]] std::vector<DiskOperation> recording() const;

  // For the wrapped files.
  struct Verdict {
    rocksdb::IOStatus status;
    bool write_half = false;
  };
  Verdict before(IoKind kind);
  void after(DiskOperation operation);

  rocksdb::IOStatus NewSequentialFile(std::string const& path,
                                      rocksdb::FileOptions const& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(std::string const& path,
                                        rocksdb::FileOptions const& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(std::string const& path,
                                    rocksdb::FileOptions const& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(std::string const& path,
                                       rocksdb::FileOptions const& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(std::string const& path,
                                    rocksdb::FileOptions const& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(std::string const& path,
                                 rocksdb::IOOptions const& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDir(std::string const& path,
                              rocksdb::IOOptions const& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDirIfMissing(std::string const& path,
                                       rocksdb::IOOptions const& options,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(std::string const& path,
                               rocksdb::IOOptions const& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(std::string const& from,
                               std::string const& to,
                               rocksdb::IOOptions const& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Truncate(std::string const& path,
                             std::size_t size,
                             rocksdb::IOOptions const& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(std::string const& path,
                                 rocksdb::IOOptions const& options,
                                 std::uint64_t* bytes,
                                 rocksdb::IODebugContext* debug) override;

 private:
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::optional<FaultPlan> plan_;
  std::uint64_t calls_ = 0;
  bool failed_ = false;
  bool recording_ = false;
  std::vector<DiskOperation> operations_;
  std::optional<std::uint64_t> free_space_;
};

/// What a power cut does to what was not synced.
enum class Cut : std::uint8_t {
  drop_all,      ///< unsynced bytes and unsynced folder entries are gone
  keep_all,      ///< everything arrived all the same
  drop_bytes,    ///< files are there, without their unsynced bytes
  undo_entries,  ///< bytes arrived, creations, renames and removals did not
  keep_some,  ///< of each file a random number of its unsynced writes, the last one torn anywhere
  tear_sectors,  ///< the same, torn at a multiple of 512 bytes
  garbage,       ///< random bytes where unsynced ones were
  zeros,         ///< zeros there
};
inline constexpr Cut all_cuts[] = {Cut::drop_all,
                                   Cut::keep_all,
                                   Cut::drop_bytes,
                                   Cut::undo_entries,
                                   Cut::keep_some,
                                   Cut::tear_sectors,
                                   Cut::garbage,
                                   Cut::zeros};
[[nodiscard]] char const* name_of(Cut cut);

/// A disk that follows a recording and can be cut at any point. Only a sync of a file makes its
/// bytes durable, only a sync of a folder makes its entries durable.
class DiskModel {
 public:
  void apply(DiskOperation const& operation);
  /// Writes what is left after a cut, with `root` of the recording as `to`.
  void write_remains(Cut cut,
                     std::uint64_t seed,
                     std::string const& root,
                     std::filesystem::path const& to) const;

 private:
  struct Write {
    std::uint64_t offset = 0;
    std::string bytes;
    bool truncates = false;
  };
  struct File {
    std::string durable;
    std::vector<Write> pending;
  };
  using Entries = std::map<std::string, std::shared_ptr<File>>;

  static void put(std::string& content, Write const& write);
  static std::string remains(File const& file, Cut cut, std::uint64_t& random);

  Entries current_;
  Entries durable_;
  std::map<std::string, bool> folders_;  // path, and whether its own entry is durable
};

}  // namespace dalsegno::test
