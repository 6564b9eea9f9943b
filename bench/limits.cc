#include "bench/limits.h"

#include "bench/figure.h"
#include "storage/event/digest.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
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

namespace {

/// A column family of a store that nobody has open.
class Family {
 public:
  Family(std::filesystem::path const& folder, std::string const& family) {
    auto const path = (folder / "db").string();
    std::vector<std::string> names;
    if (!rocksdb::DB::ListColumnFamilies({}, path, &names).ok())
      throw std::runtime_error("cannot list " + path);
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    auto wanted = names.size();
    for (auto const& name : names) {
      if (name == family) wanted = families.size();
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    if (wanted == names.size()) throw std::runtime_error(path + " has no column family " + family);
    rocksdb::DB* opened = nullptr;
    if (!rocksdb::DB::OpenForReadOnly({}, path, families, &handles_, &opened).ok())
      throw std::runtime_error("cannot open " + path);
    database_.reset(opened);
    wanted_ = handles_[wanted];
  }
  Family(Family const&) = delete;
  Family& operator=(Family const&) = delete;
  ~Family() {
    for (auto* const handle : handles_) database_->DestroyColumnFamilyHandle(handle);
  }

  template <class Visit>
  void each(Visit visit) const {
    std::unique_ptr<rocksdb::Iterator> const at(database_->NewIterator({}, wanted_));
    for (at->SeekToFirst(); at->Valid(); at->Next()) visit(at->key(), at->value());
  }

 private:
  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  rocksdb::ColumnFamilyHandle* wanted_ = nullptr;
};

}  // namespace

StepShape shape_of_steps(std::filesystem::path const& folder) {
  std::size_t steps = 0;
  std::size_t heads = 0;
  StepShape shape;
  Family(folder, "steps").each([&](rocksdb::Slice const& key, rocksdb::Slice const& value) {
    bool const commit = key.starts_with("\xff\xff");
    (commit ? shape.commit_bytes : shape.step_bytes) += value.size();
    steps += commit ? 0 : 1;
  });
  Family(folder, "sessions").each([&](rocksdb::Slice const&, rocksdb::Slice const& value) {
    shape.head_bytes += value.size();
    ++heads;
  });
  shape.step_bytes /= std::max<std::size_t>(steps, 1);
  shape.commit_bytes /= std::max<std::size_t>(steps, 1);
  shape.head_bytes /= std::max<std::size_t>(heads, 1);
  return shape;
}

double bare_rocksdb_per_second(std::filesystem::path const& folder,
                               std::size_t batch,
                               StepShape const& shape,
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
  auto const step = words(shape.step_bytes, 1);
  auto const head = words(shape.head_bytes, 2);
  auto const commit = words(shape.commit_bytes * batch, 3);
  std::size_t written = 0;
  auto const start = Clock::now();
  while (microseconds_since(start) < seconds * 1e6) {
    rocksdb::WriteBatch writes;
    for (std::size_t i = 0; i < batch; ++i) {
      auto const session = "session-" + std::to_string(i);
      writes.Put(session + '/' + std::to_string(1'000'000'000 + written), step);
      writes.Put(session, head);
    }
    writes.Put("~commit/" + std::to_string(1'000'000'000 + written), commit);
    if (!database->Write(synced, &writes).ok())
      throw std::runtime_error("cannot write " + path.string());
    written += batch;
  }
  return static_cast<double>(written) / (microseconds_since(start) / 1e6);
}

Scan scan_and_hash(std::filesystem::path const& folder, std::string const& family) {
  Family const of(folder, family);
  Scan scan;
  unsigned mixed = 0;  // so that no digest is left out as unused
  auto const start = Clock::now();
  of.each([&](rocksdb::Slice const&, rocksdb::Slice const& value) {
    mixed ^= storage::sha256({{value.data(), value.size()}}).bytes[0];
    scan.bytes += value.size();
    ++scan.values;
  });
  scan.seconds = microseconds_since(start) / 1e6;
  if (mixed > 0xFF) throw std::logic_error("a byte above 255");
  return scan;
}

std::string words(std::size_t size, unsigned seed) {
  // A word is three of 16 syllables: 4,096 words, all equally likely.
  constexpr std::array<std::string_view, 16> syllables = {"ba",
                                                          "cor",
                                                          "de",
                                                          "fin",
                                                          "go",
                                                          "hul",
                                                          "is",
                                                          "jam",
                                                          "ke",
                                                          "lo",
                                                          "mur",
                                                          "ne",
                                                          "op",
                                                          "pri",
                                                          "sa",
                                                          "tet"};
  std::string text;
  text.reserve(size + 16);
  std::uint64_t state = (seed + 1) * 0x9E3779B97F4A7C15U;
  while (text.size() < size) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    text += syllables[state % 16];
    text += syllables[state / 16 % 16];
    text += syllables[state / 256 % 16];
    text += ' ';
  }
  text.resize(size);
  return text;
}

}  // namespace dalsegno::bench
