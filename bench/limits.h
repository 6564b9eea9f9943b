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

/// Batches a second that a bare RocksDB makes durable times `batch`: records of `value_bytes`,
/// written `batch` at a time in one synced WriteBatch.
[[nodiscard]] double bare_rocksdb_per_second(std::filesystem::path const& folder,
                                             std::size_t batch,
                                             std::size_t value_bytes,
                                             double seconds);

/// Values a second of an iterator over the column family `family` of the store in `folder`, SHA-256
/// of each value. Also counts them.
struct Scan {
  double seconds = 0;
  std::size_t values = 0;
  std::size_t bytes = 0;
};
[[nodiscard]] Scan scan_and_hash(std::filesystem::path const& folder, std::string const& family);

/// `size` bytes of words, the same for the same seed.
[[nodiscard]] std::string words(std::size_t size, unsigned seed);

}  // namespace dalsegno::bench
