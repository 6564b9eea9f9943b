#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/event/digest.h"
#include "storage/rocksdb/manifest.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace rocksdb {
class FileSystem;
class FSRandomRWFile;
}  // namespace rocksdb

namespace dalsegno::storage {

/// The newest that a store has acknowledged. RocksDB drops a damaged tail without a word: this is
/// how we notice.
struct Mark {
  RunId log_id;
  std::uint32_t generation = 1;
  std::uint64_t commit = 0;  ///< 0: none yet
  Digest digest;             ///< of that commit
  std::uint64_t epoch = 0;   ///< newest epoch taken
  std::uint64_t database =
      0;  ///< RocksDB's newest sequence number: covers what is in no commit (epochs, meta)
  ManifestState manifest;  ///< how long RocksDB's list of its files was

  friend bool operator==(Mark const&, Mark const&) = default;
};

/// 112 bytes, big-endian, with a CRC-32C at the end. Source: storage/format.md, "Watermark".
[[nodiscard]] std::string encode_mark(Mark const& mark);
/// Nothing when the bytes (any number of them) do not begin with a mark.
[[nodiscard]] std::optional<Mark> decode_mark(std::string_view bytes);

/// What the file says at opening.
struct StoredMark {
  bool exists = false;         ///< the file
  std::optional<Mark> newest;  ///< of the slots that are whole
  int slot = 0;                ///< where it stands
  bool complete = false;       ///< the file has its full size
};

/// The watermark file: two slots aligned to 4'096 bytes.
///
/// `write` overwrites the current slot in place, without a sync: from then on not even `kill -9`
/// can make the store forget unseen what it acknowledged. A thread syncs the file at most
/// `sync_every` after a write and then changes to the other slot, so the slot being written is
/// never the only one that is whole. After a power cut the newest synced mark is at most
/// `sync_every` (and one sync) old: a loss within that window cannot be seen. That is the blind
/// window.
///
/// Thread: any; `write` waits while the file is being synced.
class Watermark {
 public:
  /// Errors: Errc::io.
  [[nodiscard]] static Result<StoredMark> read(rocksdb::FileSystem& files, std::string const& path);

  /// Makes `mark` the newest, durably, and starts the thread. `found` is what `read` said.
  /// Errors: Errc::io, Errc::no_space.
  [[nodiscard]] static Result<std::unique_ptr<Watermark>> start(
      std::shared_ptr<rocksdb::FileSystem> files,
      std::string const& path,
      StoredMark const& found,
      Mark const& mark,
      std::chrono::milliseconds sync_every);

  Watermark(Watermark const&) = delete;
  Watermark& operator=(Watermark const&) = delete;
  /// Syncs once more.
  ~Watermark();

  /// Errors: Errc::io, Errc::no_space; also when an earlier sync failed. After an error every later
  /// call fails.
  [[nodiscard]] Result<> write(Mark const& mark);

 private:
  Watermark(std::shared_ptr<rocksdb::FileSystem> files,
            std::string path,
            std::chrono::milliseconds sync_every);
  Result<> put(Mark const& mark);
  Result<> sync();
  void run();

  // Set in the constructor.
  std::shared_ptr<rocksdb::FileSystem> files_;
  std::string path_;
  std::chrono::milliseconds sync_every_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  std::optional<Error> failed_;
  int slot_ = 0;
  bool dirty_ = false;
  bool stopping_ = false;
  // Last: uses all the others.
  std::thread thread_;
};

}  // namespace dalsegno::storage
