// `dalsegno send --lines` as a program that writes into a pipe uses it.

#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;

class SendTest : public testing::Test {
 protected:
  Ran send(std::string const& lines, std::vector<std::string> const& more = {}) {
    std::vector<std::string> arguments{
        "send", "--lines", "-", "--data", (folder_.path() / "store").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return dalsegno(arguments, lines);
  }

  TemporaryFolder folder_;
};

TEST_F(SendTest, acknowledges_each_line_in_order_and_a_repeated_key_with_its_first_sequence) {
  auto const first = R"({"session":"a","key":"k1","signal":"note","payload":{"x":1}})";
  auto const ran =
      send(std::string(first) + "\n\n" + R"({"session":"b","key":"k1","signal":"note"})" + "\n" +
           first + "\n" + R"({"session":"a","key":"k2","signal":"other","payload":[]})");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out,
            "{\"session\":\"a\",\"key\":\"k1\",\"sequence\":3}\n"
            "{\"session\":\"b\",\"key\":\"k1\",\"sequence\":3}\n"
            "{\"session\":\"a\",\"key\":\"k1\",\"sequence\":3,\"repeated\":true}\n"
            "{\"session\":\"a\",\"key\":\"k2\",\"sequence\":5}\n");
  EXPECT_EQ(send(first).out,
            "{\"session\":\"a\",\"key\":\"k1\",\"sequence\":3,\"repeated\":true}\n");
}

TEST_F(SendTest, names_bad_lines_and_sends_the_others) {
  auto const ran = send(R"({"session":"a","signal":"s"})"
                        "\nnonsense\n"
                        R"({"session":"a","sinal":"s"})"
                        "\n"
                        R"({"signal":"s"})"
                        "\n"
                        R"({"session":"a","signal":7})"
                        "\n[]\n"
                        R"({"session":"\u0007","signal":"s"})"
                        "\n"
                        R"({"session":"a","signal":"s"})"
                        "\n");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 2);
  EXPECT_THAT(ran.err, HasSubstr("stdin:2: column 1: "));
  EXPECT_THAT(ran.err, HasSubstr("stdin:3: unknown field \"sinal\"; did you mean \"signal\"?"));
  EXPECT_THAT(ran.err, HasSubstr("stdin:4: \"session\" is missing"));
  EXPECT_THAT(ran.err, HasSubstr("stdin:5: \"signal\" must be a string, not of kind number"));
  EXPECT_THAT(ran.err, HasSubstr("stdin:6: must be an object, not of kind array"));
  EXPECT_THAT(ran.err, HasSubstr("stdin:7: "));
}

TEST_F(SendTest, sends_many_lines_at_once_and_loses_none) {
  std::string lines;
  for (int i = 0; i < 5'000; ++i) {
    lines += R"({"session":"s)" + std::to_string(i % 50) + R"(","key":"k)" + std::to_string(i) +
             R"(","signal":"n","payload":)" + std::to_string(i) + "}\n";
  }
  auto const ran = send(lines);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 5'000);
  EXPECT_THAT(ran.out, HasSubstr(R"("key":"k4999")"));
  EXPECT_EQ(dalsegno({"verify", "--data", (folder_.path() / "store").string()}).code, 0);
}

TEST_F(SendTest, knows_its_workflows) {
  auto const unknown = send("", {"--workflow", "outbox"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("known are agent, inbox"));
  auto const agent =
      send(R"({"session":"a","signal":"turn","payload":{"content":"hello","last":true}})",
           {"--workflow", "agent"});
  EXPECT_EQ(agent.code, 0) << agent.err;
  EXPECT_THAT(dalsegno({"ls", "--json", "--data", (folder_.path() / "store").string()}).out,
              HasSubstr(R"("workflow":"agent","status":"completed")"));
}

}  // namespace
}  // namespace dalsegno::test
