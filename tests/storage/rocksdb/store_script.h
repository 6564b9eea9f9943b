#pragma once

// A fixed history of a RocksDB store for tests of faults, and the judgement of what is left of it.

#include "storage/rocksdb/rocksdb_log.h"
#include "tests/support/append_script.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::storage::test {

inline constexpr std::size_t script_sessions = 20;

/// How many steps of each session were acknowledged.
using Acknowledged = std::array<std::uint32_t, script_sessions>;

/// A folder in memory if the machine has one (these tests sync thousands of times); goes with the
/// object.
class WorkFolder {
 public:
  WorkFolder();
  WorkFolder(WorkFolder const&) = delete;
  WorkFolder& operator=(WorkFolder const&) = delete;
  ~WorkFolder();
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Whether DALSEGNO_FULL=1 asks for all cases instead of a sample.
[[nodiscard]] bool full_run();
/// All of 0 … count - 1, or in a normal run `sample` of them (DALSEGNO_SAMPLE: another number),
/// spread evenly; which ones depends on the seed, which is printed (DALSEGNO_SEED repeats it).
/// DALSEGNO_CASE=n: only that one.
[[nodiscard]] std::vector<std::size_t> choose_cases(std::size_t count, std::size_t sample);

/// Options for tests: small, deterministic (the watermark is synced at opening and closing only).
[[nodiscard]] RocksDbOptions script_options(std::shared_ptr<rocksdb::FileSystem> files = nullptr);

/// The n-th step (from 1) of session i: an input, and with it a checkpoint, an artifact, a producer
/// key and a timer, all of them known from i and n alone.
[[nodiscard]] Append script_step(AppendScript& script, std::size_t session, std::uint32_t step);
[[nodiscard]] SessionId script_session(std::size_t session);

/// Open, 20 sessions, checkpoints, compaction, close, reopen, more steps.
class StoreScript {
 public:
  StoreScript(std::filesystem::path folder, std::shared_ptr<rocksdb::FileSystem> files)
      : folder_(std::move(folder)), files_(std::move(files)) {}

  /// Called with what is acknowledged, each time it grows.
  std::function<void(Acknowledged const&)> on_acknowledged = [](Acknowledged const&) {};

  /// Runs until the end or the first error.
  enum class Ending : std::uint8_t { close, leave_open };
  [[nodiscard]] Result<> run(Ending ending = Ending::close);

  /// Appends in batches of all sizes, compacts and reopens now and then, until an error or until
  /// the process is killed.
  [[nodiscard]] Error run_on(std::uint64_t seed);
  std::chrono::milliseconds watermark_sync = std::chrono::hours(1);

  [[nodiscard]] Acknowledged const& acknowledged() const { return acknowledged_; }

 private:
  Result<> open();
  /// Appends the next step of sessions [from, to) in one batch.
  Result<> append(std::size_t from, std::size_t to);

  std::filesystem::path folder_;
  std::shared_ptr<rocksdb::FileSystem> files_;
  std::unique_ptr<EventLog> log_;
  std::vector<AppendScript> sessions_;
  Acknowledged acknowledged_{};
};

/// What is left of a store.
struct Judgement {
  enum class Kind : std::uint8_t {
    complete,  ///< all acknowledged steps are there with all that belongs to them, and the store
               ///< goes on
    refused,   ///< opening says what is wrong
    detected,  ///< reading says what is wrong
    wrong,     ///< something acknowledged is missing or changed, and nobody said so
  };
  Kind kind = Kind::complete;
  std::string detail;
};

/// Opens the store (on the machine's own file system), reads everything in it and appends to it.
[[nodiscard]] Judgement judge(std::filesystem::path const& folder,
                              Acknowledged const& acknowledged);

[[nodiscard]] std::string to_text(Judgement const& judgement);

}  // namespace dalsegno::storage::test
