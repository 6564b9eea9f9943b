#include "storage/memory/memory_log.h"

#include "tests/storage/log/event_log_suite.h"

namespace dalsegno::storage::test {
namespace {

class MemoryUnderTest final : public StoreUnderTest {
 public:
  EventLog& log() override { return *log_; }
  void reopen() override { log_ = open_memory(store_); }

 private:
  std::shared_ptr<MemoryStore> store_ =
      make_memory_store(1);  // shared: it outlives each log over it
  std::unique_ptr<EventLog> log_ = open_memory(store_);
};

INSTANTIATE_TEST_SUITE_P(Memory,
                         EventLogSuite,
                         testing::Values(Backend{
                             "memory", [] { return std::make_unique<MemoryUnderTest>(); }}),
                         testing::PrintToStringParamName());

TEST(MemoryLog, is_fenced_by_a_newer_log_over_its_store) {
  auto const store = make_memory_store(1);
  auto const older = open_memory(store);
  AppendScript script(*older, {"default", "a"});
  auto const first = script.next({input("1")});
  ASSERT_TRUE(older->append({&first, 1})->each.front().has_value());
  auto const newer = open_memory(store);
  script.set_epoch(newer->info().epoch);
  auto const second = script.next({input("2")});
  EXPECT_EQ(older->append({&second, 1})->each.front().error().code, Errc::fenced);
  EXPECT_EQ(older->put_meta("k", "v").error().code, Errc::fenced);
  EXPECT_EQ(older->head(script.session()).value(), first.head);  // it may still read
  EXPECT_TRUE(newer->append({&second, 1})->each.front().has_value());
}

TEST(MemoryStore, takes_its_log_id_from_the_seed) {
  EXPECT_EQ(open_memory(make_memory_store(1))->info().log_id,
            open_memory(make_memory_store(1))->info().log_id);
  EXPECT_NE(open_memory(make_memory_store(1))->info().log_id,
            open_memory(make_memory_store(2))->info().log_id);
}

}  // namespace
}  // namespace dalsegno::storage::test
