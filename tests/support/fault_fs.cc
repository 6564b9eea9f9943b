#include "tests/support/fault_fs.h"

#include <algorithm>
#include <fstream>
#include <utility>

namespace dalsegno::test {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using Kind = DiskOperation::Kind;

std::string folder_of(std::string const& path) { return path.substr(0, path.rfind('/')); }

std::string without_trailing_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

class FaultSequentialFile : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  FaultSequentialFile(std::unique_ptr<rocksdb::FSSequentialFile>&& file, FaultFs& fs)
      : FSSequentialFileOwnerWrapper(std::move(file)), fs_(fs) {}
  IOStatus Read(size_t n,
                IOOptions const& options,
                Slice* result,
                char* scratch,
                IODebugContext* debug) override {
    if (auto verdict = fs_.before(io_read); !verdict.status.ok()) return verdict.status;
    return target()->Read(n, options, result, scratch, debug);
  }

 private:
  FaultFs& fs_;
};

class FaultRandomAccessFile : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  FaultRandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile>&& file, FaultFs& fs)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), fs_(fs) {}
  IOStatus Read(uint64_t offset,
                size_t n,
                IOOptions const& options,
                Slice* result,
                char* scratch,
                IODebugContext* debug) const override {
    if (auto verdict = fs_.before(io_read); !verdict.status.ok()) return verdict.status;
    return target()->Read(offset, n, options, result, scratch, debug);
  }

 private:
  FaultFs& fs_;
};

class FaultWritableFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultWritableFile(std::unique_ptr<rocksdb::FSWritableFile>&& file,
                    FaultFs& fs,
                    std::string path,
                    std::uint64_t size)
      : FSWritableFileOwnerWrapper(std::move(file)), fs_(fs), path_(std::move(path)), size_(size) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(Slice const& data, IOOptions const& options, IODebugContext* debug) override {
    auto verdict = fs_.before(io_write);
    if (!verdict.status.ok()) {
      if (verdict.write_half)
        append(Slice(data.data(), data.size() / 2), options, debug).PermitUncheckedError();
      return verdict.status;
    }
    return append(data, options, debug);
  }
  IOStatus Append(Slice const& data,
                  IOOptions const& options,
                  rocksdb::DataVerificationInfo const& /*info*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(IOOptions const& options, IODebugContext* debug) override {
    if (auto verdict = fs_.before(io_sync); !verdict.status.ok()) return verdict.status;
    auto status = target()->Sync(options, debug);
    if (status.ok()) fs_.after({.kind = Kind::sync, .path = path_});
    return status;
  }
  IOStatus Fsync(IOOptions const& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus Truncate(uint64_t size, IOOptions const& options, IODebugContext* debug) override {
    auto status = target()->Truncate(size, options, debug);
    if (status.ok() && size < size_) {
      fs_.after({.kind = Kind::truncate, .path = path_, .offset = size});
      size_ = size;
    }
    return status;
  }

 private:
  IOStatus append(Slice const& data, IOOptions const& options, IODebugContext* debug) {
    auto status = target()->Append(data, options, debug);
    if (!status.ok()) return status;
    fs_.after({.kind = Kind::write, .path = path_, .offset = size_, .bytes = data.ToString()});
    size_ += data.size();
    return status;
  }

  FaultFs& fs_;
  std::string path_;
  std::uint64_t size_;
};

class FaultRandomRWFile : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  FaultRandomRWFile(std::unique_ptr<rocksdb::FSRandomRWFile>&& file, FaultFs& fs, std::string path)
      : FSRandomRWFileOwnerWrapper(std::move(file)), fs_(fs), path_(std::move(path)) {}
  IOStatus Write(uint64_t offset,
                 Slice const& data,
                 IOOptions const& options,
                 IODebugContext* debug) override {
    auto verdict = fs_.before(io_write);
    auto const part =
        verdict.status.ok() ? data : Slice(data.data(), verdict.write_half ? data.size() / 2 : 0);
    if (!part.empty()) {
      auto status = target()->Write(offset, part, options, debug);
      if (!status.ok()) return status;
      fs_.after({.kind = Kind::write, .path = path_, .offset = offset, .bytes = part.ToString()});
    }
    return verdict.status;
  }
  IOStatus Sync(IOOptions const& options, IODebugContext* debug) override {
    if (auto verdict = fs_.before(io_sync); !verdict.status.ok()) return verdict.status;
    auto status = target()->Sync(options, debug);
    if (status.ok()) fs_.after({.kind = Kind::sync, .path = path_});
    return status;
  }
  IOStatus Fsync(IOOptions const& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  FaultFs& fs_;
  std::string path_;
};

class FaultDirectory : public rocksdb::FSDirectoryWrapper {
 public:
  FaultDirectory(std::unique_ptr<rocksdb::FSDirectory>&& folder, FaultFs& fs, std::string path)
      : FSDirectoryWrapper(std::move(folder)), fs_(fs), path_(std::move(path)) {}
  IOStatus Fsync(IOOptions const& options, IODebugContext* debug) override {
    return FsyncWithDirOptions(options, debug, rocksdb::DirFsyncOptions());
  }
  IOStatus FsyncWithDirOptions(IOOptions const& options,
                               IODebugContext* debug,
                               rocksdb::DirFsyncOptions const& how) override {
    if (auto verdict = fs_.before(io_folder_sync); !verdict.status.ok()) return verdict.status;
    auto status = FSDirectoryWrapper::FsyncWithDirOptions(options, debug, how);
    if (status.ok()) fs_.after({.kind = Kind::sync_folder, .path = path_});
    return status;
  }

 private:
  FaultFs& fs_;
  std::string path_;
};

}  // namespace

FaultFs::FaultFs() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

void FaultFs::fail(FaultPlan const& plan) {
  std::lock_guard const lock(mutex_);
  plan_ = plan;
  calls_ = 0;
  failed_ = false;
}

void FaultFs::heal() {
  std::lock_guard const lock(mutex_);
  plan_.reset();
}

std::uint64_t FaultFs::calls() const {
  std::lock_guard const lock(mutex_);
  return calls_;
}

bool FaultFs::has_failed() const {
  std::lock_guard const lock(mutex_);
  return failed_;
}

void FaultFs::set_free_space(std::optional<std::uint64_t> bytes) {
  std::lock_guard const lock(mutex_);
  free_space_ = bytes;
}

void FaultFs::start_recording() {
  std::lock_guard const lock(mutex_);
  recording_ = true;
}

std::size_t FaultFs::recorded() const {
  std::lock_guard const lock(mutex_);
  return operations_.size();
}

std::vector<DiskOperation> FaultFs::recording() const {
  std::lock_guard const lock(mutex_);
  return operations_;
}

FaultFs::Verdict FaultFs::before(IoKind kind) {
  std::lock_guard const lock(mutex_);
  if (plan_ && (plan_->kinds & kind) == 0) return {};
  ++calls_;
  if (!plan_) return {};
  bool const hit = plan_->lasting == Lasting::once ? calls_ == plan_->call : calls_ >= plan_->call;
  if (!hit) return {};
  failed_ = true;
  switch (plan_->fault) {
    case Fault::io_error:
      return {IOStatus::IOError("injected EIO")};
    case Fault::no_space:
      return {IOStatus::NoSpace("injected ENOSPC")};
    case Fault::short_write:
      return {IOStatus::IOError("injected short write"), true};
  }
  return {};
}

void FaultFs::after(DiskOperation operation) {
  std::lock_guard const lock(mutex_);
  if (recording_) operations_.push_back(std::move(operation));
}

IOStatus FaultFs::NewSequentialFile(std::string const& path,
                                    FileOptions const& options,
                                    std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                    IODebugContext* debug) {
  if (auto verdict = before(io_read); !verdict.status.ok()) return verdict.status;
  auto status = target()->NewSequentialFile(path, options, result, debug);
  if (status.ok()) *result = std::make_unique<FaultSequentialFile>(std::move(*result), *this);
  return status;
}

IOStatus FaultFs::NewRandomAccessFile(std::string const& path,
                                      FileOptions const& options,
                                      std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                      IODebugContext* debug) {
  if (auto verdict = before(io_read); !verdict.status.ok()) return verdict.status;
  auto status = target()->NewRandomAccessFile(path, options, result, debug);
  if (status.ok()) *result = std::make_unique<FaultRandomAccessFile>(std::move(*result), *this);
  return status;
}

IOStatus FaultFs::NewWritableFile(std::string const& path,
                                  FileOptions const& options,
                                  std::unique_ptr<rocksdb::FSWritableFile>* result,
                                  IODebugContext* debug) {
  if (auto verdict = before(io_create); !verdict.status.ok()) return verdict.status;
  auto status = target()->NewWritableFile(path, options, result, debug);
  if (!status.ok()) return status;
  after({.kind = Kind::create, .path = path});
  *result = std::make_unique<FaultWritableFile>(std::move(*result), *this, path, 0);
  return status;
}

IOStatus FaultFs::ReopenWritableFile(std::string const& path,
                                     FileOptions const& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* result,
                                     IODebugContext* debug) {
  if (auto verdict = before(io_create); !verdict.status.ok()) return verdict.status;
  std::error_code missing;
  auto const size = std::filesystem::file_size(path, missing);
  auto status = target()->ReopenWritableFile(path, options, result, debug);
  if (!status.ok()) return status;
  if (missing) after({.kind = Kind::create, .path = path});
  *result =
      std::make_unique<FaultWritableFile>(std::move(*result), *this, path, missing ? 0 : size);
  return status;
}

IOStatus FaultFs::NewRandomRWFile(std::string const& path,
                                  FileOptions const& options,
                                  std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                  IODebugContext* debug) {
  if (auto verdict = before(io_read); !verdict.status.ok()) return verdict.status;
  auto status = target()->NewRandomRWFile(path, options, result, debug);
  if (status.ok()) *result = std::make_unique<FaultRandomRWFile>(std::move(*result), *this, path);
  return status;
}

IOStatus FaultFs::NewDirectory(std::string const& path,
                               IOOptions const& options,
                               std::unique_ptr<rocksdb::FSDirectory>* result,
                               IODebugContext* debug) {
  auto status = target()->NewDirectory(path, options, result, debug);
  if (status.ok()) {
    *result =
        std::make_unique<FaultDirectory>(std::move(*result), *this, without_trailing_slash(path));
  }
  return status;
}

IOStatus FaultFs::CreateDir(std::string const& path,
                            IOOptions const& options,
                            IODebugContext* debug) {
  if (auto verdict = before(io_create); !verdict.status.ok()) return verdict.status;
  auto status = target()->CreateDir(path, options, debug);
  if (status.ok()) after({.kind = Kind::create_folder, .path = without_trailing_slash(path)});
  return status;
}

IOStatus FaultFs::CreateDirIfMissing(std::string const& path,
                                     IOOptions const& options,
                                     IODebugContext* debug) {
  if (auto verdict = before(io_create); !verdict.status.ok()) return verdict.status;
  bool const there = std::filesystem::exists(path);
  auto status = target()->CreateDirIfMissing(path, options, debug);
  if (status.ok() && !there)
    after({.kind = Kind::create_folder, .path = without_trailing_slash(path)});
  return status;
}

IOStatus FaultFs::DeleteFile(std::string const& path,
                             IOOptions const& options,
                             IODebugContext* debug) {
  if (auto verdict = before(io_remove); !verdict.status.ok()) return verdict.status;
  auto status = target()->DeleteFile(path, options, debug);
  if (status.ok()) after({.kind = Kind::remove, .path = path});
  return status;
}

IOStatus FaultFs::RenameFile(std::string const& from,
                             std::string const& to,
                             IOOptions const& options,
                             IODebugContext* debug) {
  if (auto verdict = before(io_rename); !verdict.status.ok()) return verdict.status;
  auto status = target()->RenameFile(from, to, options, debug);
  if (status.ok()) after({.kind = Kind::rename, .path = from, .to = to});
  return status;
}

IOStatus FaultFs::Truncate(std::string const& path,
                           size_t size,
                           IOOptions const& options,
                           IODebugContext* debug) {
  if (auto verdict = before(io_write); !verdict.status.ok()) return verdict.status;
  auto status = target()->Truncate(path, size, options, debug);
  if (status.ok()) after({.kind = Kind::truncate, .path = path, .offset = size});
  return status;
}

IOStatus FaultFs::GetFreeSpace(std::string const& path,
                               IOOptions const& options,
                               std::uint64_t* bytes,
                               IODebugContext* debug) {
  {
    std::lock_guard const lock(mutex_);
    if (free_space_) {
      *bytes = *free_space_;
      return IOStatus::OK();
    }
  }
  return target()->GetFreeSpace(path, options, bytes, debug);
}

char const* name_of(Cut cut) {
  switch (cut) {
    case Cut::drop_all:
      return "drop_all";
    case Cut::keep_all:
      return "keep_all";
    case Cut::drop_bytes:
      return "drop_bytes";
    case Cut::undo_entries:
      return "undo_entries";
    case Cut::keep_some:
      return "keep_some";
    case Cut::tear_sectors:
      return "tear_sectors";
    case Cut::garbage:
      return "garbage";
    case Cut::zeros:
      return "zeros";
  }
  return "?";
}

namespace {

/// splitmix64: the same numbers everywhere.
std::uint64_t next(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15U;
  auto value = state;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

}  // namespace

void DiskModel::apply(DiskOperation const& operation) {
  auto const found = current_.find(operation.path);
  switch (operation.kind) {
    case Kind::create:
      current_[operation.path] = std::make_shared<File>();
      break;
    case Kind::write:
      if (found != current_.end())
        found->second->pending.push_back({operation.offset, operation.bytes, false});
      break;
    case Kind::truncate:
      if (found != current_.end()) found->second->pending.push_back({operation.offset, {}, true});
      break;
    case Kind::sync:
      if (found == current_.end()) break;
      for (auto const& write : found->second->pending) put(found->second->durable, write);
      found->second->pending.clear();
      break;
    case Kind::rename:
      if (found == current_.end()) break;
      current_[operation.to] = found->second;
      current_.erase(operation.path);
      break;
    case Kind::remove:
      current_.erase(operation.path);
      break;
    case Kind::create_folder:
      folders_.emplace(operation.path, false);
      break;
    case Kind::sync_folder:
      std::erase_if(durable_,
                    [&](auto const& entry) { return folder_of(entry.first) == operation.path; });
      for (auto const& entry : current_) {
        if (folder_of(entry.first) == operation.path) durable_.insert(entry);
      }
      for (auto& [folder, durable] : folders_)
        durable = durable || folder_of(folder) == operation.path;
      break;
  }
}

void DiskModel::put(std::string& content, Write const& write) {
  if (write.truncates) {
    content.resize(write.offset);
    return;
  }
  if (content.size() < write.offset + write.bytes.size())
    content.resize(write.offset + write.bytes.size());
  content.replace(write.offset, write.bytes.size(), write.bytes);
}

std::string DiskModel::remains(File const& file, Cut cut, std::uint64_t& random) {
  auto content = file.durable;
  if (cut == Cut::drop_all || cut == Cut::drop_bytes || file.pending.empty()) return content;
  bool const tears = cut == Cut::keep_some || cut == Cut::tear_sectors;
  auto const kept = tears ? next(random) % (file.pending.size() + 1) : file.pending.size();
  for (std::size_t i = 0; i < file.pending.size() && i <= kept; ++i) {
    auto write = file.pending[i];
    if (tears && i == kept) {
      if (write.truncates || write.bytes.empty()) break;
      auto size = next(random) % write.bytes.size();
      // A sector is whole or not there, wherever in the file the write begins.
      if (cut == Cut::tear_sectors) size -= std::min(size, (write.offset + size) % 512);
      write.bytes.resize(size);
    }
    if (cut == Cut::zeros) std::ranges::fill(write.bytes, '\0');
    if (cut == Cut::garbage)
      std::ranges::generate(write.bytes, [&] { return static_cast<char>(next(random)); });
    put(content, write);
  }
  return content;
}

void DiskModel::write_remains(Cut cut,
                              std::uint64_t seed,
                              std::string const& root,
                              std::filesystem::path const& to) const {
  bool const entries_undone = cut == Cut::drop_all || cut == Cut::undo_entries;
  auto random = seed;
  auto const place = [&](std::string const& path) {
    return std::filesystem::path(to.string() + path.substr(root.size()));
  };
  auto const gone = [&](std::string const& path) {
    for (auto const& [folder, durable] : folders_) {
      bool const inside = path == folder || path.starts_with(folder + "/");
      if (inside && !durable && entries_undone) return true;
    }
    return false;
  };
  for (auto const& [folder, durable] : folders_) {
    if (folder.starts_with(root) && !gone(folder))
      std::filesystem::create_directories(place(folder));
  }
  for (auto const& [path, file] : entries_undone ? durable_ : current_) {
    if (!path.starts_with(root) || gone(path)) continue;
    auto const content = remains(*file, cut, random);
    std::filesystem::create_directories(place(path).parent_path());
    std::ofstream out(place(path), std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
  }
}

}  // namespace dalsegno::test
