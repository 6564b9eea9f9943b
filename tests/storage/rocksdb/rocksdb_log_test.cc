#include "storage/rocksdb/rocksdb_log.h"

#include "storage/rocksdb/crc32c.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/head_cache.h"
#include "storage/rocksdb/watermark.h"
#include "tests/storage/log/event_log_suite.h"
#include "tests/storage/rocksdb/store_script.h"
#include "tests/support/fault_fs.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <utility>

namespace dalsegno::storage::test {
namespace {

namespace fs = std::filesystem;
using dalsegno::test::Fault;
using dalsegno::test::FaultFs;
using dalsegno::test::Lasting;

class RocksDbUnderTest : public StoreUnderTest {
 public:
  RocksDbUnderTest() { reopen(); }
  EventLog& log() override { return *log_; }
  void reopen() override {
    log_.reset();
    log_ = open_rocksdb(folder_.path() / "store", script_options()).value();
  }

 private:
  WorkFolder folder_;
  std::unique_ptr<EventLog> log_;
};

INSTANTIATE_TEST_SUITE_P(RocksDb,
                         EventLogSuite,
                         testing::Values(Backend{
                             "rocksdb", [] { return std::make_unique<RocksDbUnderTest>(); }, 10}));

class RocksDbLog : public testing::Test {
 protected:
  Result<std::unique_ptr<EventLog>> open(std::shared_ptr<rocksdb::FileSystem> files = nullptr) {
    return open_rocksdb(store(), script_options(std::move(files)));
  }
  /// Opens and expects an error; returns its text.
  std::string refused(Errc code) {
    auto const log = open();
    EXPECT_FALSE(log.has_value());
    if (log) return {};
    EXPECT_EQ(name_of(log.error().code), name_of(code)) << log.error().detail;
    return log.error().detail;
  }
  [[nodiscard]] fs::path store() const { return folder_.path() / "store"; }
  [[nodiscard]] fs::path other() const { return folder_.path() / "other"; }

  /// A store with the script's history, closed.
  Acknowledged make_store() {
    StoreScript script(store(), nullptr);
    auto const ran = script.run();
    EXPECT_TRUE(ran.has_value()) << ran.error().detail;
    return script.acknowledged();
  }

  /// Appends `count` steps of one session, one batch each.
  static void append_steps(EventLog& log, AppendScript& script, int count) {
    script.set_epoch(log.info().epoch);
    for (int i = 0; i < count; ++i) {
      auto const append = script.next({input("step " + std::to_string(script.head().steps + 1))});
      auto const receipt = log.append({&append, 1});
      ASSERT_TRUE(receipt.has_value()) << receipt.error().detail;
      ASSERT_TRUE(receipt->each.front().has_value()) << receipt->each.front().error().detail;
    }
  }

 private:
  WorkFolder folder_;
};

std::map<std::string, std::pair<std::uintmax_t, fs::file_time_type>> listing(
    fs::path const& folder) {
  std::map<std::string, std::pair<std::uintmax_t, fs::file_time_type>> files;
  for (auto const& entry : fs::recursive_directory_iterator(folder)) {
    auto const size = entry.is_regular_file() ? entry.file_size() : 0;
    files[entry.path().string()] = {size, entry.last_write_time()};
  }
  return files;
}

void damage(fs::path const& path, std::uintmax_t at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(at));
  auto const byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

fs::path newest(fs::path const& folder, std::string const& extension) {
  fs::path found;
  for (auto const& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == extension && entry.path() > found) found = entry.path();
  }
  return found;
}

TEST_F(RocksDbLog, judges_an_undisturbed_history_as_complete) {
  auto const acknowledged = make_store();
  auto const judgement = judge(store(), acknowledged);
  EXPECT_EQ(to_text(judgement), "complete");
  auto more = acknowledged;
  ++more[3];
  EXPECT_EQ(judge(store(), more).kind, Judgement::Kind::wrong)
      << "the judge must notice a missing step";
}

TEST_F(RocksDbLog, names_both_versions_when_the_store_is_newer) {
  make_store();
  {
    DatabaseOptions options;
    std::unique_ptr<Database> database;
    ASSERT_TRUE(Database::open((store() / "db").string(), options, database).ok());
    ASSERT_TRUE(database->db()
                    .Put({}, (*database)[Table::meta], "store/format", std::string("\0\7", 2))
                    .ok());
  }
  auto const before = listing(store());
  auto const detail = refused(Errc::newer_format);
  EXPECT_NE(detail.find("format 7"), std::string::npos) << detail;
  EXPECT_NE(detail.find("up to 1"), std::string::npos) << detail;
  EXPECT_EQ(listing(store()), before) << "a refused store is left as it was";
  EXPECT_EQ(open_rocksdb_for_reading(store()).error().code, Errc::newer_format);
}

TEST_F(RocksDbLog, refuses_a_folder_with_something_else_in_it) {
  fs::create_directories(store());
  std::ofstream(store() / "thesis.tex") << "\\begin{document}";
  EXPECT_NE(refused(Errc::foreign).find("thesis.tex"), std::string::npos);
  EXPECT_EQ(listing(store()).size(), 1U);
}

TEST_F(RocksDbLog, refuses_a_database_of_another_program) {
  fs::create_directories(store());
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, (store() / "db").string(), &db).ok());
  ASSERT_TRUE(db->Put({}, "theirs", "value").ok());
  delete db;
  refused(Errc::foreign);
}

TEST_F(RocksDbLog, names_the_folder_that_is_open_already) {
  auto const first = open();
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(refused(Errc::locked).find(store().string()), std::string::npos);
}

TEST_F(RocksDbLog, may_be_made_in_an_empty_folder_and_with_folders_above_it) {
  fs::create_directories(store());
  EXPECT_TRUE(open().has_value());
  EXPECT_TRUE(open_rocksdb(other() / "a" / "b", script_options()).has_value());
}

TEST_F(RocksDbLog, takes_a_new_epoch_at_each_opening_and_keeps_its_partitions) {
  make_store();
  auto options = script_options();
  options.partitions = 7;
  auto const log = open_rocksdb(store(), std::move(options));
  ASSERT_TRUE(log.has_value());
  EXPECT_EQ((*log)->info().epoch, 3U);
  EXPECT_EQ((*log)->info().partitions, 4U);
}

TEST_F(RocksDbLog, reads_beside_a_live_writer_and_leaves_no_trace) {
  auto const writer = open().value();
  AppendScript script(*writer, {"tenant", "a"});
  append_steps(*writer, script, 5);
  // The writer may still remove what it needed while it was opened: once it has, nothing changes.
  std::unique_ptr<EventLog> reader;
  for (int looks = 1;; ++looks) {
    auto const before = listing(store());
    std::string warning;
    auto opened = open_rocksdb_for_reading(store(), &warning);
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
    reader = std::move(*opened);
    EXPECT_EQ(warning, "");
    EXPECT_EQ(reader->info().last_commit, 5U);
    EXPECT_EQ(reader->info().last_commit_digest, writer->info().last_commit_digest);
    EXPECT_EQ(reader->head(script.session()).value(), script.head());
    int steps = 0;
    auto const read = read_verified(
        *reader, script.session(), script.run(), 1, Reading::show, [&](DecodedStep const&) {
          return ++steps > 0;
        });
    EXPECT_TRUE(read.has_value());
    EXPECT_EQ(steps, 5);
    auto const refused_append = script.peek({input("from a reader")});
    EXPECT_EQ(reader->append({&refused_append, 1}).error().code, Errc::invalid);
    EXPECT_EQ(reader->put_meta("a", "b").error().code, Errc::invalid);
    auto const after = listing(store());
    if (after == before) break;
    ASSERT_LT(looks, 10) << "a reader changes the store each time that it looks";
  }

  append_steps(*writer, script, 5);
  ASSERT_TRUE(writer->compact().has_value());
  EXPECT_EQ(reader->info().last_commit, 5U);
  EXPECT_EQ(reader->artifact({"tenant", "a"}, Digest{}).error().code, Errc::not_found);
}

// A secondary instance of RocksDB 7.8.3 went on without what the table file held: a session's key
// was "gone".
TEST_F(RocksDbLog, refuses_to_show_a_store_with_a_damaged_table_file) {
  make_store();
  int damaged = 0;
  for (auto const& entry : fs::directory_iterator(store() / "db")) {
    if (entry.path().extension() != ".sst") continue;
    fs::remove_all(other());
    fs::copy(store(), other(), fs::copy_options::recursive);
    constexpr std::uintmax_t from_end = 300;  // in the properties or the index, behind the data
    ASSERT_GT(entry.file_size(), from_end);
    damage(other() / "db" / entry.path().filename(), entry.file_size() - from_end);
    auto const reader = open_rocksdb_for_reading(other());
    EXPECT_FALSE(reader.has_value()) << entry.path().filename();
    ++damaged;
  }
  EXPECT_GT(damaged, 0);
}

// A secondary instance of RocksDB 7.8.3 crashed here, once the artifact lay in a blob file.
TEST_F(RocksDbLog, reads_artifacts_beside_a_live_writer_and_after_it) {
  auto writer = open().value();
  AppendScript script(*writer, {"tenant", "a"});
  auto const with_artifact = [&script](std::string const& text) {
    auto append = script.next({input("an artifact")});
    append.artifacts = {{sha256({text}), text}};
    return append;
  };
  auto const first = with_artifact(std::string(1'000'000, 'x'));
  ASSERT_TRUE(writer->append({&first, 1}).has_value());
  ASSERT_TRUE(writer->compact().has_value());
  auto const second = with_artifact(std::string(1'000'000, 'y'));
  ASSERT_TRUE(writer->append({&second, 1}).has_value());

  auto const expect_both = [&] {
    auto const before = listing(store());
    auto const reader = open_rocksdb_for_reading(store());
    ASSERT_TRUE(reader.has_value()) << reader.error().detail;
    for (auto const* append : {&first, &second}) {
      auto const& artifact = append->artifacts.front();
      auto const bytes = (*reader)->artifact(script.session(), artifact.digest);
      ASSERT_TRUE(bytes.has_value()) << bytes.error().detail;
      EXPECT_TRUE(*bytes == artifact.bytes);
    }
    EXPECT_EQ((*reader)->artifact(script.session(), Digest{}).error().code, Errc::not_found);
    EXPECT_EQ(listing(store()), before);
  };
  expect_both();
  writer.reset();
  expect_both();
}

TEST_F(RocksDbLog, reads_a_closed_store_and_leaves_no_trace) {
  auto const acknowledged = make_store();
  auto const before = listing(store());
  {
    auto const reader = open_rocksdb_for_reading(store());
    ASSERT_TRUE(reader.has_value()) << reader.error().detail;
    std::size_t sessions = 0;
    auto const scanned =
        (*reader)->scan_heads([&](SessionId const&, Head const&) { return ++sessions > 0; });
    EXPECT_TRUE(scanned.has_value());
    EXPECT_EQ(sessions, acknowledged.size());
  }
  EXPECT_EQ(listing(store()), before);
  EXPECT_EQ(open_rocksdb_for_reading(other()).error().code, Errc::not_found);
}

TEST_F(RocksDbLog, says_which_commits_are_missing_when_the_write_ahead_log_is_cut) {
  auto writer = open().value();
  AppendScript script(*writer, {"tenant", "a"});
  append_steps(*writer, script, 5);
  writer.reset();
  auto const log = newest(store() / "db", ".log");
  ASSERT_FALSE(log.empty());
  fs::resize_file(log, fs::file_size(log) - 10);

  auto const before = listing(store());
  auto const detail = refused(Errc::data_loss);
  EXPECT_NE(detail.find("commit 5 were acknowledged"), std::string::npos) << detail;
  EXPECT_NE(detail.find("store 1/4, watermark 1/5"), std::string::npos) << detail;
  auto const after = listing(store());
  EXPECT_EQ(after, before) << "what shows the loss is left as it was";
  std::string warning;
  ASSERT_TRUE(open_rocksdb_for_reading(store(), &warning).has_value());
  EXPECT_EQ(warning, detail);
}

TEST_F(RocksDbLog, goes_on_without_what_is_missing_once_a_person_accepted_that) {
  auto writer = open().value();
  AppendScript script(*writer, {"tenant", "a"});
  append_steps(*writer, script, 3);
  auto const kept = script;
  append_steps(*writer, script, 2);
  auto const digest_of_third = [&] {
    Digest third;
    EXPECT_TRUE(writer
                    ->read_commits(3,
                                   [&](CommitRecord const&, Digest const& digest) {
                                     third = digest;
                                     return false;
                                   })
                    .has_value());
    return third;
  }();
  writer.reset();
  auto const log = newest(store() / "db", ".log");
  // Two commits and a bit of the third's end are gone: find the length at which three are left.
  for (auto size = fs::file_size(log);; size -= 20) {
    fs::resize_file(log, size);
    std::string warning;
    auto const reader = open_rocksdb_for_reading(store(), &warning);
    ASSERT_TRUE(reader.has_value()) << reader.error().detail;
    if ((*reader)->info().last_commit == 3) break;
  }
  auto options = script_options();
  options.accept_loss =
      std::make_unique<LossAcceptance>(LossAcceptance{"ada", "the disk was replaced", at(77)});
  auto const accepted = open_rocksdb(store(), std::move(options));
  ASSERT_TRUE(accepted.has_value()) << accepted.error().detail;
  EXPECT_EQ((*accepted)->info().generation, 2U);
  EXPECT_EQ((*accepted)->info().last_commit, 1U);
  EXPECT_EQ((*accepted)->head(script.session()).value(), kept.head());
  auto const journal = read_journal(**accepted).value();
  ASSERT_EQ(journal.size(), 1U);
  auto const expected = LossAccepted{"ada", "the disk was replaced", 1, 5, 3};
  EXPECT_EQ(journal.front().body, EventBody(expected));
  auto const read = (*accepted)->read_commits(1, [&](CommitRecord const& record, Digest const&) {
    EXPECT_EQ(record.previous, digest_of_third);
    return true;
  });
  EXPECT_TRUE(read.has_value());
  auto again = kept;
  append_steps(**accepted, again, 2);
}

TEST_F(RocksDbLog, needs_no_second_acceptance) {
  auto writer = open().value();
  AppendScript script(*writer, {"tenant", "a"});
  append_steps(*writer, script, 3);
  writer.reset();
  fs::remove(store() / "WATERMARK");
  EXPECT_NE(refused(Errc::data_loss).find("cannot be known"), std::string::npos);
  for (int i = 0; i < 2; ++i) {
    auto options = script_options();
    options.accept_loss =
        std::make_unique<LossAcceptance>(LossAcceptance{"ada", "watermark lost", at(77)});
    auto const accepted = open_rocksdb(store(), std::move(options));
    ASSERT_TRUE(accepted.has_value()) << accepted.error().detail;
    EXPECT_EQ((*accepted)->info().generation, 2U) << "nothing is missing the second time";
    append_steps(**accepted, script, 1);
  }
  EXPECT_TRUE(open().has_value());
}

TEST_F(RocksDbLog, refuses_when_both_slots_of_the_watermark_are_damaged_but_not_for_one) {
  make_store();
  fs::copy(store(), other(), fs::copy_options::recursive);
  damage(store() / "WATERMARK", 20);
  EXPECT_TRUE(open_rocksdb(store(), script_options()).has_value());
  damage(other() / "WATERMARK", 20);
  damage(other() / "WATERMARK", 4096 + 20);
  auto const both = open_rocksdb(other(), script_options());
  ASSERT_FALSE(both.has_value());
  EXPECT_EQ(both.error().code, Errc::data_loss);
}

TEST_F(RocksDbLog, refuses_a_watermark_of_another_store) {
  make_store();
  auto options = script_options();
  ASSERT_TRUE(open_rocksdb(other(), std::move(options)).has_value());
  fs::copy_file(other() / "WATERMARK", store() / "WATERMARK", fs::copy_options::overwrite_existing);
  refused(Errc::corrupt);
}

TEST_F(RocksDbLog, refuses_when_the_list_of_files_is_gone) {
  make_store();
  fs::remove(store() / "db" / "CURRENT");
  refused(Errc::corrupt);
}

TEST_F(RocksDbLog, stops_for_good_after_a_failed_sync) {
  auto const files = std::make_shared<FaultFs>();
  auto log = open(files).value();
  AppendScript script(*log, {"tenant", "a"});
  append_steps(*log, script, 3);
  auto const before = script;
  files->fail({.call = 1,
               .kinds = dalsegno::test::io_sync,
               .fault = Fault::io_error,
               .lasting = Lasting::once});
  auto const lost = script.next({input("not acknowledged")});
  auto const failed = log->append({&lost, 1});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Errc::io);
  auto const next = script.next({input("after the failure")});
  EXPECT_EQ(log->append({&next, 1}).error(), failed.error());
  EXPECT_EQ(log->put_meta("a", "b").error(), failed.error());
  EXPECT_EQ(log->head(script.session()).value(), before.head());
  log.reset();
  log = open().value();
  // The refused step may be there: "failed" means "unknown".
  auto const head = log->head(script.session()).value();
  ASSERT_TRUE(head.has_value());
  EXPECT_GE(head->last_sequence, 3U);
  EXPECT_LE(head->last_sequence, 4U);
}

TEST_F(RocksDbLog, stops_when_the_watermark_cannot_be_raised) {
  auto const files = std::make_shared<FaultFs>();
  auto const log = open(files).value();
  AppendScript script(*log, {"tenant", "a"});
  append_steps(*log, script, 1);
  // The second write of an append is the watermark's.
  files->fail({.call = 2,
               .kinds = dalsegno::test::io_write,
               .fault = Fault::io_error,
               .lasting = Lasting::once});
  auto const append = script.next({input("without a watermark")});
  EXPECT_EQ(log->append({&append, 1}).error().code, Errc::io);
  EXPECT_EQ(log->append({&append, 1}).error().code, Errc::io);
}

TEST_F(RocksDbLog, refuses_new_sessions_below_the_floor_and_everything_below_half_of_it) {
  auto const files = std::make_shared<FaultFs>();
  auto options = script_options(files);
  options.free_space_floor_bytes = 1000;
  files->set_free_space(1'000'000);
  auto const log = open_rocksdb(store(), std::move(options)).value();
  AppendScript script(*log, {"tenant", "a"});
  append_steps(*log, script, 1);
  EXPECT_TRUE(log->room_for_new_sessions().has_value());

  // It looks again after some megabytes.
  files->set_free_space(900);
  auto large = script.next({input("large")});
  large.artifacts.push_back({.digest = {}, .bytes = std::string(8 << 20, 'x')});
  ASSERT_TRUE(log->append({&large, 1}).has_value());
  EXPECT_EQ(log->room_for_new_sessions().error().code, Errc::no_space);
  append_steps(*log, script, 1);

  files->set_free_space(400);
  auto const refused_append = script.peek({input("no room")});
  EXPECT_EQ(log->append({&refused_append, 1}).error().code, Errc::no_space);
  EXPECT_EQ(log->head(script.session()).value(), script.head()) << "nothing was written";

  files->set_free_space(1'000'000);
  append_steps(*log, script, 1);
  EXPECT_TRUE(log->room_for_new_sessions().has_value());
}

TEST_F(RocksDbLog, drops_its_ballast_when_the_disk_is_full_at_opening) {
  auto const files = std::make_shared<FaultFs>();
  files->set_free_space(1ULL << 40);
  auto options = script_options(files);
  options.ballast_bytes = 1 << 20;
  ASSERT_TRUE(open_rocksdb(store(), std::move(options)).has_value());
  EXPECT_EQ(fs::file_size(store() / "BALLAST"), 1U << 20);
  files->set_free_space(100);
  options = script_options(files);
  options.ballast_bytes = 1 << 20;
  ASSERT_TRUE(open_rocksdb(store(), std::move(options)).has_value());
  EXPECT_FALSE(fs::exists(store() / "BALLAST"));
}

TEST_F(RocksDbLog, stops_on_a_full_disk_and_loses_nothing) {
  auto const files = std::make_shared<FaultFs>();
  auto log = open(files).value();
  AppendScript script(*log, {"tenant", "a"});
  append_steps(*log, script, 3);
  auto const before = script;
  files->fail({.call = 1,
               .kinds = dalsegno::test::io_write | dalsegno::test::io_create,
               .fault = Fault::no_space,
               .lasting = Lasting::from_there_on});
  auto const lost = script.next({input("no room")});
  EXPECT_EQ(log->append({&lost, 1}).error().code, Errc::no_space);
  EXPECT_EQ(log->append({&lost, 1}).error().code, Errc::no_space);
  log.reset();
  files->heal();
  log = open().value();
  EXPECT_GE(log->head(script.session()).value()->last_sequence, before.head().last_sequence);
}

TEST(Watermark, keeps_its_bytes) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  Mark mark;
  mark.log_id.bytes.fill(0xAB);
  mark.generation = 2;
  mark.commit = 0x0102030405060708U;
  mark.digest.bytes.fill(0xCD);
  mark.epoch = 3;
  mark.database = 4;
  mark.manifest = {.number = 5, .size_bytes = 6, .checksum = 7};
  auto const bytes = encode_mark(mark);
  ASSERT_EQ(bytes.size(), 112U);
  EXPECT_EQ(decode_mark(bytes), mark);
  std::string hex;
  for (auto const byte : bytes) {
    constexpr auto digits = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(byte) >> 4];
    hex += digits[static_cast<unsigned char>(byte) & 15];
  }
  EXPECT_EQ(hex.substr(0, 32), "44414c534547574d0001000000000002");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(decode_mark(changed).has_value()) << "byte " << i;
    EXPECT_FALSE(decode_mark(std::string_view(bytes).substr(0, i)).has_value());
  }
}

TEST(HeadCache, forgets_the_oldest_and_keeps_what_is_used) {
  HeadCache cache(4);
  Head head;
  for (std::uint64_t i = 0; i < 100; ++i) {
    head.steps = i;
    cache.put({"t", std::to_string(i)}, head);
    auto const first = cache.find({"t", "0"});
    ASSERT_TRUE(first.has_value()) << "it is used all the time";
    EXPECT_EQ(first->steps, 0U);
  }
  EXPECT_FALSE(cache.find({"t", "1"}).has_value());
  EXPECT_TRUE(cache.find({"t", "99"}).has_value());
}

}  // namespace
}  // namespace dalsegno::storage::test
