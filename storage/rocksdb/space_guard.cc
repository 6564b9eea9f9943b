#include "storage/rocksdb/space_guard.h"

#include "storage/rocksdb/files.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace dalsegno::storage {
namespace {

constexpr std::uint64_t ask_after_bytes = 4 << 20;

rocksdb::IOStatus fill(rocksdb::FSWritableFile& file, std::uint64_t bytes) {
  rocksdb::IOOptions const none;
  auto status = file.Allocate(0, bytes, none, nullptr);
  if (status.ok()) return status;
  std::string const zeros(1 << 20, '\0');
  for (std::uint64_t written = 0; written < bytes; written += zeros.size()) {
    auto const size = std::min<std::uint64_t>(zeros.size(), bytes - written);
    status = file.Append(rocksdb::Slice(zeros.data(), size), none, nullptr);
    if (!status.ok()) return status;
  }
  return status;
}

}  // namespace

std::uint64_t free_bytes(rocksdb::FileSystem& files, std::string const& folder) {
  std::uint64_t bytes = 0;
  auto const status = files.GetFreeSpace(folder, rocksdb::IOOptions(), &bytes, nullptr);
  return status.ok() ? bytes : std::numeric_limits<std::uint64_t>::max();
}

SpaceGuard::SpaceGuard(std::shared_ptr<rocksdb::FileSystem> files,
                       std::string folder,
                       std::uint64_t floor_bytes)
    : files_(std::move(files)), folder_(std::move(folder)), floor_bytes_(floor_bytes) {
  ask();
}

void SpaceGuard::ask() const {
  free_bytes_ = free_bytes(*files_, folder_);
  written_since_asking_ = 0;
}

Error SpaceGuard::too_little(std::uint64_t needed, char const* consequence) const {
  return {Errc::no_space,
          std::to_string(free_bytes_) + " bytes are free under " + folder_ + ", " +
              std::to_string(needed) + " are needed: " + consequence};
}

Result<> SpaceGuard::room_for_new_sessions() const {
  if (free_bytes_ < floor_bytes_) ask();
  if (free_bytes_ < floor_bytes_) return too_little(floor_bytes_, "no new sessions");
  return {};
}

Result<> SpaceGuard::room_to_append(std::uint64_t bytes) {
  written_since_asking_ += bytes;
  bool const unsure = free_bytes_ < floor_bytes_ || written_since_asking_ >= ask_after_bytes;
  if (unsure) ask();
  if (free_bytes_ < floor_bytes_ / 2) return too_little(floor_bytes_ / 2, "nothing is appended");
  return {};
}

void create_ballast(rocksdb::FileSystem& files, std::string const& path, std::uint64_t bytes) {
  rocksdb::IOOptions const none;
  rocksdb::FileOptions options;
  options.fallocate_with_keep_size = false;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  auto status = files.NewWritableFile(path, options, &file, nullptr);
  if (!status.ok()) return;
  status = fill(*file, bytes);
  auto const closed = file->Close(none, nullptr);
  if (!status.ok() || !closed.ok()) drop_ballast(files, path);
}

bool drop_ballast(rocksdb::FileSystem& files, std::string const& path) {
  return file_exists(files, path) && files.DeleteFile(path, rocksdb::IOOptions(), nullptr).ok();
}

}  // namespace dalsegno::storage
