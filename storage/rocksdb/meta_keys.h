#pragma once

// Keys of the meta table. Source: storage/format.md, "Meta".

#include <string>
#include <string_view>

namespace dalsegno::storage {

inline constexpr std::string_view meta_format =
    "store/format";  ///< u16; no format ever moves this key
inline constexpr std::string_view meta_log_id = "store/log_id";          ///< 16 bytes
inline constexpr std::string_view meta_partitions = "store/partitions";  ///< u32
inline constexpr std::string_view meta_hash = "store/hash";              ///< a name, see below
inline constexpr std::string_view meta_epoch = "store/epoch";            ///< u64

/// … ‖ u8 kind ‖ what the key of a step would be, with the operation in place of the sequence: an
/// errand.
inline constexpr std::string_view meta_errands = "errand/";

/// The hash function of `partition_of`.
inline constexpr std::string_view partition_hash = "sha256/8";

/// Where the runtime's own facts lie (EventLog::put_meta).
[[nodiscard]] inline std::string runtime_meta_key(std::string_view key) {
  return "runtime/" + std::string(key);
}

}  // namespace dalsegno::storage
