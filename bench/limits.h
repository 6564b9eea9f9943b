#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace dalsegno::bench {

// What the machine itself can do: measured beside each figure, on the same file system.

/// Median microseconds of an append of `size` bytes and fdatasync, over `rounds`.
[[nodiscard]] double raw_fdatasync_us(std::filesystem::path const& folder,
                                      std::size_t size,
                                      int rounds);

/// What one step adds to a batch of the committer, on average.
struct StepShape {
  std::size_t step_bytes = 0;    ///< value under a new key
  std::size_t head_bytes = 0;    ///< value under the session's own key, written again each time
  std::size_t commit_bytes = 0;  ///< its part of the batch's commit record
};
/// Measured in the store in `folder`, which nobody has open.
[[nodiscard]] StepShape shape_of_steps(std::filesystem::path const& folder);

/// Steps a second of a bare RocksDB loop that writes the same batches: `batch` steps of `shape` in
/// one synced WriteBatch, with RocksDB's own default options.
[[nodiscard]] double bare_rocksdb_per_second(std::filesystem::path const& folder,
                                             std::size_t batch,
                                             StepShape const& shape,
                                             double seconds);

/// Values a second of an iterator over the column family `family` of the store in `folder`, SHA-256
/// of each value. Also counts them.
struct Scan {
  double seconds = 0;
  std::size_t values = 0;
  std::size_t bytes = 0;
};
[[nodiscard]] Scan scan_and_hash(std::filesystem::path const& folder, std::string const& family);

/// `size` bytes of words out of 4,096 made-up ones, the same for the same seed.
[[nodiscard]] std::string words(std::size_t size, unsigned seed);

}  // namespace dalsegno::bench
