#include "storage/rocksdb/cursor.h"

#include "storage/rocksdb/status.h"

#include <rocksdb/iterator.h>

#include <utility>

namespace dalsegno::storage {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

std::string after_prefix(std::string prefix) {
  while (!prefix.empty()) {
    auto const last = static_cast<unsigned char>(prefix.back());
    if (last != 0xFF) {
      prefix.back() = static_cast<char>(last + 1);
      return prefix;
    }
    prefix.pop_back();
  }
  return prefix;
}

Cursor::Cursor(
    Database const& database, Table table, std::string lower, std::string upper, Caching caching)
    : lower_(std::move(lower)),
      upper_(std::move(upper)),
      lower_slice_(lower_),
      upper_slice_(upper_) {
  rocksdb::ReadOptions options;
  options.fill_cache = caching == Caching::keep;
  if (!lower_.empty()) options.iterate_lower_bound = &lower_slice_;
  if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
  iterator_.reset(database.db().NewIterator(options, database[table]));
}

Cursor::~Cursor() = default;

void Cursor::first() { iterator_->SeekToFirst(); }
void Cursor::last() { iterator_->SeekToLast(); }
void Cursor::at_or_after(std::string_view key) { iterator_->Seek(slice(key)); }
void Cursor::at_or_before(std::string_view key) { iterator_->SeekForPrev(slice(key)); }
void Cursor::next() { iterator_->Next(); }
void Cursor::back() { iterator_->Prev(); }

bool Cursor::valid() const { return iterator_->Valid(); }
std::string_view Cursor::key() const { return {iterator_->key().data(), iterator_->key().size()}; }
std::string_view Cursor::value() const {
  return {iterator_->value().data(), iterator_->value().size()};
}

Result<> Cursor::status(std::string_view doing) const {
  auto const status = iterator_->status();
  if (!status.ok()) return error_from(status, doing);
  return {};
}

}  // namespace dalsegno::storage
