#include "storage/log/step_key.h"

#include "tests/support/event_gen.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>

namespace dalsegno::storage {
namespace {

TEST(StepKey, is_what_the_format_says) {
  RunId run;
  run.bytes.fill(0xAB);
  auto const key = step_key(0x0102, {"t", "name"}, run, 0x0304);
  EXPECT_EQ(key,
            std::string("\x01\x02t\0name\0", 9) + std::string(16, '\xAB') +
                std::string("\0\0\0\0\0\0\x03\x04", 8));
}

TEST(StepKey, puts_a_session_where_its_name_says) {
  // The first 8 bytes of SHA-256("default" 00 "a"), modulo the count of partitions; fixed for ever.
  EXPECT_EQ(partition_of({"default", "a"}, 1), 0U);
  EXPECT_EQ(partition_of({"default", "a"}, 64), 37U);
  EXPECT_EQ(partition_of({"default", "a"}, 1000), 853U);
}

RC_GTEST_PROP(StepKey, reads_as_it_was_written, ()) {
  StepKey key;
  key.partition = *rc::gen::inRange(0U, first_reserved_partition);
  key.session = *test::any_session();
  test::Draw::each(key.run, key.first_sequence);
  RC_ASSERT(parse_step_key(step_key(key.partition, key.session, key.run, key.first_sequence)) ==
            key);
}

RC_GTEST_PROP(StepKey, sorts_as_its_parts_do, ()) {
  auto const any_key = rc::gen::exec([] {
    StepKey key;
    key.partition = *rc::gen::inRange(0U, 3U);
    key.session = *test::any_session();
    test::Draw::each(key.run, key.first_sequence);
    return key;
  });
  auto const parts = [](StepKey const& key) {
    return std::tie(key.partition, key.session, key.run, key.first_sequence);
  };
  auto const bytes = [](StepKey const& key) {
    return step_key(key.partition, key.session, key.run, key.first_sequence);
  };
  auto const a = *any_key;
  auto const b = *any_key;
  RC_ASSERT((parts(a) < parts(b)) == (bytes(a) < bytes(b)));
}

TEST(StepKey, refuses_keys_of_another_kind) {
  auto const key = step_key(1, {"t", "n"}, {}, 1);
  EXPECT_TRUE(parse_step_key(key));
  for (std::size_t size = 0; size < key.size(); ++size)
    EXPECT_FALSE(parse_step_key(key.substr(0, size))) << size;
  EXPECT_FALSE(parse_step_key(key + "x"));
  EXPECT_FALSE(parse_step_key("\xFF\xFF" + key.substr(2)));
  EXPECT_FALSE(parse_step_key("\xFF\xF0" + key.substr(2)));
}

}  // namespace
}  // namespace dalsegno::storage
