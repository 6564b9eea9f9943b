#include "bench/limits.h"

#include "bench/figure.h"
#include "storage/event/digest.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace dalsegno::bench {

double raw_fdatasync_us(std::filesystem::path const& folder, std::size_t size, int rounds) {
  auto const path = folder / "raw";
  int const file = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_APPEND, 0600);
  if (file < 0) throw std::runtime_error("cannot open " + path.string());
  std::string const bytes(size, 'x');
  std::vector<double> samples;
  for (int i = 0; i < rounds; ++i) {
    auto const start = Clock::now();
    if (write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(size) ||
        fdatasync(file) != 0) {
      throw std::runtime_error("cannot write " + path.string());
    }
    samples.push_back(microseconds_since(start));
  }
  close(file);
  std::filesystem::remove(path);
  return quantile(samples, 0.5);
}

double bare_rocksdb_per_second(std::filesystem::path const& folder,
                               std::size_t batch,
                               std::size_t value_bytes,
                               double seconds) {
  auto const path = folder / "bare";
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, path.string(), &opened).ok())
    throw std::runtime_error("cannot open " + path.string());
  std::unique_ptr<rocksdb::DB> const database(opened);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  auto const value = words(value_bytes, 1);
  std::size_t written = 0;
  auto const start = Clock::now();
  while (microseconds_since(start) < seconds * 1e6) {
    rocksdb::WriteBatch writes;
    for (std::size_t i = 0; i < batch; ++i) {
      auto const key = "session-" + std::to_string(i) + '/' + std::to_string(written + i);
      writes.Put(key, value);
    }
    if (!database->Write(synced, &writes).ok())
      throw std::runtime_error("cannot write " + path.string());
    written += batch;
  }
  return static_cast<double>(written) / (microseconds_since(start) / 1e6);
}

Scan scan_and_hash(std::filesystem::path const& folder, std::string const& family) {
  auto const path = (folder / "db").string();
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies({}, path, &names).ok())
    throw std::runtime_error("cannot list " + path);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  std::size_t wanted = names.size();
  for (auto const& name : names) {
    if (name == family) wanted = families.size();
    families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  if (wanted == names.size()) throw std::runtime_error(path + " has no column family " + family);
  rocksdb::DB* opened = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  if (!rocksdb::DB::OpenForReadOnly({}, path, families, &handles, &opened).ok()) {
    throw std::runtime_error("cannot open " + path);
  }
  std::unique_ptr<rocksdb::DB> const database(opened);
  Scan scan;
  auto const start = Clock::now();
  {
    std::unique_ptr<rocksdb::Iterator> const at(database->NewIterator({}, handles[wanted]));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      auto const digest = storage::sha256({{at->value().data(), at->value().size()}});
      scan.bytes += at->value().size() + (digest.bytes[0] == 0 ? 0 : 0);
      ++scan.values;
    }
  }
  scan.seconds = microseconds_since(start) / 1e6;
  for (auto* const handle : handles) database->DestroyColumnFamilyHandle(handle);
  return scan;
}

std::string words(std::size_t size, unsigned seed) {
  constexpr std::array list = {"refund",   "flight",  "please",  "change",  "ticket",  "window",
                               "baggage",  "morning", "voucher", "economy", "credit",  "seat",
                               "tomorrow", "thanks",  "booking", "gate",    "answer",  "policy",
                               "airport",  "meal",    "number",  "family",  "weather", "delay"};
  std::string text;
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
  while (text.size() < size) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    text += list[state % list.size()];
    text += ' ';
  }
  text.resize(size);
  return text;
}

}  // namespace dalsegno::bench
