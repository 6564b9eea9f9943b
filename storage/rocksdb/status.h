#pragma once

// What RocksDB says, in our words.

#include "dalsegno/result.h"

#include <string_view>

namespace rocksdb {
class Status;
}

namespace dalsegno::storage {

/// The `Error` for a status that is not ok. `doing` completes "while …", e.g. "opening /data/db".
[[nodiscard]] Error error_from(rocksdb::Status const& status, std::string_view doing);

[[nodiscard]] bool is_no_space(rocksdb::Status const& status);

}  // namespace dalsegno::storage
