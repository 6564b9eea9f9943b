#include "storage/rocksdb/watermark.h"

#include "dalsegno/try.h"
#include "storage/log/bytes.h"
#include "storage/rocksdb/crc32c.h"
#include "storage/rocksdb/files.h"
#include "storage/rocksdb/status.h"

#include <rocksdb/file_system.h>

#include <array>
#include <tuple>
#include <utility>
#include <vector>

namespace dalsegno::storage {
namespace {

constexpr std::string_view magic = "DALSEGWM";
constexpr std::uint16_t version = 1;
constexpr std::size_t mark_bytes = 112;
constexpr std::size_t slot_bytes = 4096;
constexpr std::size_t file_bytes = 2 * slot_bytes;

Result<> from(rocksdb::Status const& status, std::string const& path, std::string_view doing) {
  if (status.ok()) return {};
  // Whatever the disk says about this file, the bytes in it were not judged.
  auto error = error_from(status, std::string(doing) + " " + path);
  if (error.code != Errc::no_space) error.code = Errc::io;
  return error;
}

/// A new file with `mark` in both slots takes the place of the old one.
Result<> replace(rocksdb::FileSystem& files, std::string const& path, Mark const& mark) {
  std::string content(file_bytes, '\0');
  auto const slot = encode_mark(mark);
  content.replace(0, slot.size(), slot);
  content.replace(slot_bytes, slot.size(), slot);
  TRY_VOID(write_synced(files, path + ".new", content));
  rocksdb::IOOptions const none;
  TRY_VOID(from(files.RenameFile(path + ".new", path, none, nullptr), path, "creating"));
  return sync_folder(files, path.substr(0, path.rfind('/')));
}

}  // namespace

std::string encode_mark(Mark const& mark) {
  ByteWriter out;
  out.reserve(mark_bytes);
  out.raw(magic);
  out.u16be(version);
  out.u16be(0);
  out.u32be(mark.generation);
  out.raw(mark.log_id.bytes);
  out.u64be(mark.commit);
  out.raw(mark.digest.bytes);
  out.u64be(mark.epoch);
  out.u64be(mark.database);
  out.u64be(mark.manifest.number);
  out.u64be(mark.manifest.size_bytes);
  out.u32be(mark.manifest.checksum);
  auto bytes = out.take();
  ByteWriter checksum;
  checksum.u32be(crc32c(bytes));
  return bytes + checksum.take();
}

std::optional<Mark> decode_mark(std::string_view bytes) {
  static_assert(mark_bytes == 8 + 2 + 2 + 4 + 16 + 8 + 32 + 8 + 8 + 8 + 8 + 4 + 4);
  if (bytes.size() < mark_bytes) return std::nullopt;
  auto const checked = bytes.substr(0, mark_bytes - 4);
  ByteReader in(bytes.substr(0, mark_bytes));
  bool const ours = in.raw(magic.size()) == magic && in.u16be() == version && in.u16be() == 0;
  Mark mark;
  mark.generation = in.u32be();
  mark.log_id.bytes = in.array<16>();
  mark.commit = in.u64be();
  mark.digest.bytes = in.array<32>();
  mark.epoch = in.u64be();
  mark.database = in.u64be();
  mark.manifest.number = in.u64be();
  mark.manifest.size_bytes = in.u64be();
  mark.manifest.checksum = in.u32be();
  auto const checksum = in.u32be();
  if (!ours || !in.done() || checksum != crc32c(checked)) return std::nullopt;
  return mark;
}

Result<StoredMark> Watermark::read(rocksdb::FileSystem& files, std::string const& path) {
  StoredMark found;
  TRY(auto content, read_if_there(files, path, file_bytes));
  if (!content) return found;
  found.exists = true;
  found.complete = content->size() == file_bytes;
  auto const age = [](Mark const& mark) {
    return std::tuple(mark.generation, mark.commit, mark.database, mark.epoch, mark.manifest);
  };
  for (int slot = 0; slot < 2; ++slot) {
    auto const start = static_cast<std::size_t>(slot) * slot_bytes;
    if (content->size() <= start) break;
    auto const mark = decode_mark(std::string_view(*content).substr(start));
    if (!mark || (found.newest && age(*mark) <= age(*found.newest))) continue;
    found.newest = mark;
    found.slot = slot;
  }
  return found;
}

Watermark::Watermark(std::shared_ptr<rocksdb::FileSystem> files,
                     std::string path,
                     std::chrono::milliseconds sync_every)
    : files_(std::move(files)), path_(std::move(path)), sync_every_(sync_every) {}

Result<std::unique_ptr<Watermark>> Watermark::start(std::shared_ptr<rocksdb::FileSystem> files,
                                                    std::string const& path,
                                                    StoredMark const& found,
                                                    Mark const& mark,
                                                    std::chrono::milliseconds sync_every) {
  std::unique_ptr<Watermark> watermark(new Watermark(std::move(files), path, sync_every));
  bool const usable = found.newest && found.complete && found.newest->log_id == mark.log_id &&
                      found.newest->generation == mark.generation;
  if (!usable) TRY_VOID(replace(*watermark->files_, path, mark));
  rocksdb::FileOptions const options;
  TRY_VOID(from(watermark->files_->NewRandomRWFile(path, options, &watermark->file_, nullptr),
                path,
                "opening"));
  if (usable) {
    // What a killed process left may be in memory only: make it durable before the other slot is
    // touched.
    TRY_VOID(watermark->sync());
    watermark->slot_ = 1 - found.slot;
    TRY_VOID(watermark->put(mark));
    TRY_VOID(watermark->sync());
  }
  watermark->thread_ = std::thread([self = watermark.get()] { self->run(); });
  return watermark;
}

Watermark::~Watermark() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (!file_) return;
  rocksdb::IOOptions const none;
  if (dirty_)
    file_->Sync(none, nullptr)
        .PermitUncheckedError();  // nobody is left to tell; the bytes are in the file
  file_->Close(none, nullptr).PermitUncheckedError();
}

Result<> Watermark::put(Mark const& mark) {
  auto const bytes = encode_mark(mark);
  auto const offset = static_cast<std::uint64_t>(slot_) * slot_bytes;
  rocksdb::IOOptions const none;
  return from(file_->Write(offset, bytes, none, nullptr), path_, "writing");
}

Result<> Watermark::sync() {
  rocksdb::IOOptions const none;
  auto synced = from(file_->Sync(none, nullptr), path_, "syncing");
  if (synced) slot_ = 1 - slot_;
  return synced;
}

Result<> Watermark::write(Mark const& mark) {
  bool wake = false;
  {
    std::lock_guard const lock(mutex_);
    if (failed_) return *failed_;
    if (auto done = put(mark); !done) {
      failed_ = done.error();
      return done;
    }
    wake = !std::exchange(dirty_, true);
  }
  if (wake) changed_.notify_all();
  return {};
}

void Watermark::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [this] { return dirty_ || stopping_; });
    if (changed_.wait_for(lock, sync_every_, [this] { return stopping_; })) return;
    dirty_ = false;
    // Writers wait meanwhile: a slot must not change between its sync and the change to the other
    // slot.
    if (auto synced = sync(); !synced) {
      failed_ = synced.error();
      return;
    }
  }
}

}  // namespace dalsegno::storage
