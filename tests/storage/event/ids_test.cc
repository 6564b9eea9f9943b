#include "dalsegno/ids.h"

#include <gtest/gtest.h>

namespace dalsegno {
namespace {

TEST(SessionId, takes_what_its_limits_allow) {
  EXPECT_TRUE(valid({"default", "a"}));
  EXPECT_TRUE(valid({std::string(64, 't'), std::string(200, 'n')}));
  EXPECT_TRUE(valid({"ähm", "名前 / \U0001F3BC"}));
  EXPECT_TRUE(valid({"_store", "operator"}));
  EXPECT_TRUE(valid({"a", "_b"}));
}

TEST(SessionId, refuses_what_they_do_not) {
  EXPECT_FALSE(valid({"", "a"}));
  EXPECT_FALSE(valid({"default", ""}));
  EXPECT_FALSE(valid({std::string(65, 't'), "a"}));
  EXPECT_FALSE(valid({"default", std::string(201, 'n')}));
  EXPECT_FALSE(valid({"_other", "a"}));
  EXPECT_FALSE(valid({"_storehouse", "a"}));
  EXPECT_FALSE(valid({"a/b", "c"}));
}

TEST(SessionId, refuses_control_characters_and_broken_utf8) {
  using namespace std::string_literals;
  for (auto const& name : {"\0"s,
                           "a\nb"s,
                           "\x7f"s,
                           "\xc2\x85"s,
                           "\x80"s,
                           "\xc3"s,
                           "\xc0\xaf"s,
                           "\xe0\x80\x80"s,
                           "\xed\xa0\x80"s,
                           "\xf0\x80\x80\x80"s,
                           "\xf4\x90\x80\x80"s,
                           "\xf5\x80\x80\x80"s,
                           "\xe2\x82"s})
    EXPECT_FALSE(valid({"default", name})) << testing::PrintToString(name);
  EXPECT_TRUE(valid({"default", "\xf4\x8f\xbf\xbf"}));
  EXPECT_TRUE(valid({"default", "\xc2\xa0"}));
}

TEST(RunId, reads_what_it_writes) {
  RunId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(i * 17);
  EXPECT_EQ(to_string(id), "00112233445566778899aabbccddeeff");
  EXPECT_EQ(parse_run_id(to_string(id)), id);
  EXPECT_FALSE(parse_run_id("00112233445566778899AABBCCDDEEFF"));
  EXPECT_FALSE(parse_run_id("0011"));
  EXPECT_FALSE(parse_run_id(""));
}

TEST(Time, reads_as_rfc_3339) {
  EXPECT_EQ(to_string(Time()), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(to_string(Time(std::chrono::microseconds(1'795'395'723'000'004))),
            "2026-11-23T01:02:03.000004Z");
  EXPECT_EQ(to_string(Time(std::chrono::microseconds(253'402'300'799'999'999))),
            "9999-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace dalsegno
