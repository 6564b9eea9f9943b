// `dalsegno run` over 112 recorded conversations of an airline's desk: whole, and killed again and
// again.

#include "dalsegno/json.h"
#include "tests/e2e/command.h"
#include "tests/e2e/sessions.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace dalsegno::test {
namespace {

constexpr std::size_t sessions = 112;
constexpr std::size_t answers = 849;

std::int64_t figure(Json const& summary, std::string_view name) {
  auto const* const value = summary.find(name);
  return value != nullptr && value->as_integer() != nullptr ? *value->as_integer() : -1;
}

class Taubench : public testing::Test {
 protected:
  void SetUp() override {
    auto const data = shared_data("taubench");
    if (!data) GTEST_SKIP() << "the recorded conversations (shared data, taubench) are not here";
    file_ = (*data / "gpt-4o-airline.tasks0-27.jsonl").string();
  }

  [[nodiscard]] std::vector<std::string> command(std::string const& store) const {
    return {"run",
            "--transcript",
            file_,
            "--parallel",
            "64",
            "--json",
            "--data",
            folder_.path() / store};
  }

  void expect_sound(std::string const& store) const {
    auto const data = (folder_.path() / store).string();
    auto const verified = dalsegno({"verify", "--data", data});
    EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
    auto const replayed = dalsegno({"replay", "--equivalence", "--data", data});
    EXPECT_EQ(replayed.code, 0) << replayed.out << replayed.err;
  }

  TemporaryFolder folder_;
  std::string file_;
};

TEST_F(Taubench, runs_all_sessions_to_their_end_and_explains_every_answer) {
  auto const ran = dalsegno(command("whole"));
  ASSERT_EQ(ran.code, 0) << ran.err;
  auto const summary = parse_json(ran.out);
  ASSERT_TRUE(summary) << ran.out;
  EXPECT_EQ(figure(*summary, "completed"), sessions);
  EXPECT_EQ(figure(*summary, "answers"), answers);
  EXPECT_EQ(figure(*summary, "tool_calls"), 730);
  expect_sound("whole");
  EXPECT_EQ(check_answers(*open_to_read(folder_.path() / "whole")), answers);
}

/// How often, and after how many durable steps. A process needs some to take up what the last one
/// left.
constexpr int kills = 20;
constexpr std::uint64_t fewest_steps = 130;
constexpr std::uint64_t most_steps = 700;

TEST_F(Taubench, comes_to_the_same_end_when_it_is_killed_on_the_way) {
  ASSERT_EQ(dalsegno(command("whole")).code, 0);
  auto const whole = read_facts(*open_to_read(folder_.path() / "whole"));
  ASSERT_EQ(whole.size(), sessions);

  auto const* const wanted = std::getenv("DALSEGNO_TEST_SEED");
  auto const seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : std::random_device()();
  std::cout << "seed " << seed << " (DALSEGNO_TEST_SEED)\n";
  std::mt19937_64 random(seed);
  std::uniform_int_distribution steps(fewest_steps, most_steps);

  int killed = 0;
  for (int store = 0; killed < kills; ++store) {
    auto const name = "killed-" + std::to_string(store);
    SCOPED_TRACE(name + ", seed " + std::to_string(seed));
    for (bool over = false; !over;) {
      auto arguments = command(name);
      if (killed < kills)
        arguments.insert(arguments.end(), {"--kill-after", std::to_string(steps(random))});
      auto const ran = dalsegno(arguments);
      over = ran.signal == 0;
      ASSERT_TRUE(ran.signal == SIGKILL || (over && ran.code == 0))
          << ran.code << ' ' << ran.signal << ran.err;
      killed += over ? 0 : 1;
    }
    auto const log = open_to_read(folder_.path() / name);
    expect_same(read_facts(*log), whole);
    auto const attempts = check_attempts(*log);
    EXPECT_EQ(attempts.broken, std::vector<std::string>());
    EXPECT_GT(attempts.orphaned, 0U);
    EXPECT_EQ(check_answers(*log), answers);
    expect_sound(name);
  }
}

}  // namespace
}  // namespace dalsegno::test
