#include "storage/rocksdb/files.h"

#include "dalsegno/try.h"
#include "storage/rocksdb/status.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <filesystem>

namespace dalsegno::storage {
namespace {

rocksdb::IOOptions const none;

Result<> from(rocksdb::Status const& status, std::string const& path, std::string_view doing) {
  if (status.ok()) return {};
  auto error = error_from(status, std::string(doing) + " " + path);
  if (error.code != Errc::no_space) error.code = Errc::io;
  return error;
}

}  // namespace

Result<std::optional<std::string>> read_if_there(rocksdb::FileSystem& files,
                                                 std::string const& path,
                                                 std::size_t at_most) {
  auto const there = files.FileExists(path, none, nullptr);
  if (there.IsNotFound()) return std::optional<std::string>();
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  TRY_VOID(
      from(files.NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr), path, "opening"));
  std::string content;
  std::string scratch(at_most, '\0');
  while (content.size() < at_most) {
    rocksdb::Slice part;
    TRY_VOID(from(file->Read(at_most - content.size(), none, &part, scratch.data(), nullptr),
                  path,
                  "reading"));
    if (part.empty()) break;
    content.append(part.data(), part.size());
  }
  return std::optional(std::move(content));
}

Result<> write_synced(rocksdb::FileSystem& files,
                      std::string const& path,
                      std::string_view content) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  TRY_VOID(
      from(files.NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr), path, "creating"));
  TRY_VOID(from(file->Append(rocksdb::Slice(content.data(), content.size()), none, nullptr),
                path,
                "writing"));
  TRY_VOID(from(file->Sync(none, nullptr), path, "syncing"));
  return from(file->Close(none, nullptr), path, "closing");
}

Result<> sync_folder(rocksdb::FileSystem& files, std::string const& path) {
  std::unique_ptr<rocksdb::FSDirectory> folder;
  TRY_VOID(from(files.NewDirectory(path, none, &folder, nullptr), path, "opening"));
  return from(
      folder->FsyncWithDirOptions(none, nullptr, rocksdb::DirFsyncOptions()), path, "syncing");
}

bool file_exists(rocksdb::FileSystem& files, std::string const& path) {
  return files.FileExists(path, none, nullptr).ok();
}

Result<std::optional<std::vector<std::string>>> list_folder(rocksdb::FileSystem& files,
                                                            std::string const& path) {
  std::vector<std::string> names;
  auto const status = files.GetChildren(path, none, &names, nullptr);
  if (status.IsNotFound() || status.IsPathNotFound())
    return std::optional<std::vector<std::string>>();
  TRY_VOID(from(status, path, "listing"));
  std::erase_if(names, [](std::string const& name) { return name == "." || name == ".."; });
  return std::optional(std::move(names));
}

Result<> create_folder(rocksdb::FileSystem& files, std::string const& path) {
  if (file_exists(files, path)) return {};
  auto const parent = std::filesystem::path(path).parent_path().string();
  if (!parent.empty() && parent != path) TRY_VOID(create_folder(files, parent));
  TRY_VOID(from(files.CreateDirIfMissing(path, none, nullptr), path, "creating"));
  return sync_folder(files, parent.empty() ? "." : parent);
}

}  // namespace dalsegno::storage
