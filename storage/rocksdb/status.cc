#include "storage/rocksdb/status.h"

#include <rocksdb/status.h>

#include <string>

namespace dalsegno::storage {
namespace {

Errc code_of(rocksdb::Status const& status) {
  if (is_no_space(status)) return Errc::no_space;
  if (status.IsCorruption()) return Errc::corrupt;
  // RocksDB asks for a file that its own books name: somebody removed it.
  if (status.IsPathNotFound() || status.IsNotFound()) return Errc::corrupt;
  // A value or file of a kind that this RocksDB does not know.
  if (status.IsNotSupported() || status.IsInvalidArgument()) return Errc::corrupt;
  return Errc::io;
}

}  // namespace

bool is_no_space(rocksdb::Status const& status) {
  return status.IsNoSpace() ||
         (status.IsIOError() && status.subcode() == rocksdb::Status::kNoSpace);
}

Error error_from(rocksdb::Status const& status, std::string_view doing) {
  auto const code = code_of(status);
  auto detail = "while " + std::string(doing) + ": " + status.ToString();
  if (code == Errc::corrupt) {
    detail +=
        ". Copy the folder before anything else; then restore it from a backup, or open it without "
        "what is damaged "
        "with `dalsegno accept-loss`";
  }
  return {code, std::move(detail)};
}

}  // namespace dalsegno::storage
