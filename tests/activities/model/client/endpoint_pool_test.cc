#include "activities/model/client/endpoint_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dalsegno::activities {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

RunId run_number(std::uint8_t number) {
  RunId run;
  run.bytes.fill(number);
  return run;
}

PromptBlocks prompt_of(std::string const& text) {
  ModelCall call;
  call.model = "m";
  agent::Message message;
  message.role = "user";
  message.content = text;
  call.messages.push_back({message, {}});
  return cut_into_blocks(call);
}

/// Two endpoints that are paused after one failure.
class Pool : public testing::Test {
 protected:
  Pool() {
    auto made = EndpointPool::make({{.affinity = {.name = "a"}}, {.affinity = {.name = "b"}}},
                                   {.failures = 1, .pause = 10s, .longest_pause = 10s});
    EXPECT_TRUE(made);
    pool_ = std::move(*made);
  }

  /// The endpoint that takes it, and what becomes of it there.
  [[nodiscard]] std::string call(std::uint8_t run,
                                 std::string const& text,
                                 OrFault<ModelAnswer> outcome = ModelAnswer{}) {
    auto const prompt = prompt_of(text);
    auto const chosen = pool_->choose(run_number(run), prompt, now_);
    if (!chosen) return chosen.error().type;
    binding_ = name_of(chosen->choice.binding);
    pool_->done(*chosen, prompt, {std::move(outcome), now_, now_, now_});
    now_ += 1s;
    return pool_->endpoint(chosen->endpoint).name;
  }
  static ModelFault fault_named(std::string_view type,
                                std::optional<std::chrono::milliseconds> after = {}) {
    return {.type = std::string(type), .message = {}, .retryable = true, .retry_after = after};
  }

  Time now_ = Time{} + 24h;
  std::unique_ptr<EndpointPool> pool_;
  std::string binding_;
  std::string const long_text_ = std::string(10'000, 'x');
};

TEST_F(Pool, keeps_a_conversation_where_its_prefix_is) {
  EXPECT_EQ(call(1, long_text_), "a");
  EXPECT_EQ(call(2, "other " + long_text_), "b");
  EXPECT_EQ(call(1, long_text_ + " goes on"), "a");
  EXPECT_EQ(binding_, "kept");
}

TEST_F(Pool, passes_over_one_that_asked_for_a_pause_and_comes_back_to_its_cache) {
  EXPECT_EQ(call(1, long_text_), "a");
  EXPECT_EQ(call(1, long_text_, std::unexpected(fault_named("rate_limited", 5s))), "a");
  EXPECT_EQ(call(1, long_text_), "b");
  EXPECT_EQ(binding_, "draining");
  now_ += 5s;
  auto const prompt = prompt_of(long_text_);
  auto const chosen = pool_->choose(run_number(3), prompt, now_);
  ASSERT_TRUE(chosen);
  auto const& first = chosen->choice.candidates[0];
  EXPECT_NE(first.rejected, RejectionReason::draining);
  EXPECT_EQ(first.predicted_blocks, prompt.blocks.size()) << "what it has was not forgotten";
}

TEST_F(Pool, leaves_one_that_failed_alone_and_tries_it_again_once) {
  EXPECT_EQ(call(1, long_text_, std::unexpected(fault_named("cut_off"))), "a");
  EXPECT_EQ(call(1, long_text_), "b");
  EXPECT_EQ(pool_->state(0, now_), Breaker::State::open);
  now_ += 10s;
  auto const prompt = prompt_of("quite another " + long_text_);
  // One of the two is a trial, and while it is under way nobody else goes there.
  auto const trial = pool_->choose(run_number(5), prompt, now_);
  ASSERT_TRUE(trial);
  EXPECT_EQ(trial->endpoint, 0U);
  EXPECT_EQ(call(6, "and another " + long_text_), "b");
  EXPECT_EQ(call(7, "one more " + long_text_), "b");
  pool_->done(*trial, prompt, {ModelAnswer{}, now_, now_, now_});
  EXPECT_EQ(pool_->state(0, now_), Breaker::State::closed);
}

TEST_F(Pool, fails_at_once_while_all_are_left_alone_and_says_for_how_long) {
  EXPECT_EQ(call(1, "x", std::unexpected(fault_named("rate_limited", 60s))), "a");
  EXPECT_EQ(call(1, "x", std::unexpected(fault_named("rate_limited", 30s))), "b");
  auto const chosen = pool_->choose(run_number(1), prompt_of("x"), now_);
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().type, endpoints_unavailable);
  EXPECT_EQ(chosen.error().retry_after, 29s);
  EXPECT_TRUE(chosen.error().retryable);
  EXPECT_THAT(chosen.error().message, HasSubstr("a, b"));
}

TEST_F(Pool, a_draining_endpoint_takes_calls_only_when_no_other_can) {
  auto made = EndpointPool::make(
      {{.affinity = {.name = "a"}, .draining = true}, {.affinity = {.name = "b"}}},
      {.failures = 1, .pause = 10s, .longest_pause = 10s});
  pool_ = std::move(*made);
  EXPECT_EQ(call(1, "x"), "b");
  EXPECT_EQ(call(2, "y", std::unexpected(fault_named("rate_limited", 60s))), "b");
  EXPECT_EQ(call(3, "z"), "a");
  EXPECT_EQ(call(4, "w", std::unexpected(fault_named("rate_limited", 60s))), "a");
  EXPECT_EQ(call(5, "v"), endpoints_unavailable);
}

TEST_F(Pool, tells_what_the_server_had_in_its_cache_once_it_has_said_so) {
  auto const prompt = prompt_of(long_text_);
  auto const report = [&](std::uint64_t cached) {
    auto const chosen = pool_->choose(run_number(1), prompt, now_);
    ModelAnswer answer;
    answer.usage = Usage{.input = 2'500, .cached = cached};
    auto const account = pool_->done(*chosen, prompt, {answer, now_, now_, now_});
    now_ += 1s;
    return account;
  };
  EXPECT_FALSE(report(0)) << "it may just not say";
  auto const hit = report(2'496);
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->cause, MissCause::none);
  auto const miss = report(0);
  ASSERT_TRUE(miss);
  EXPECT_NE(miss->cause, MissCause::none);
}

// ---- blocks ----

TEST(PromptBlocks, know_the_message_in_which_they_begin) {
  ModelCall call;
  for (auto const size : {100, 1'000, 50}) {
    agent::Message message;
    message.role = "user";
    message.content = std::string(static_cast<std::size_t>(size), 'x');
    call.messages.push_back({message, {}});
  }
  auto const cut = cut_into_blocks(call);
  ASSERT_EQ(cut.ends.size(), 3U);
  EXPECT_EQ(cut.blocks.size(), cut.bytes / 256);
  EXPECT_EQ(cut.message_of(0), 0U);
  EXPECT_EQ(cut.message_of(1), 1U);
  EXPECT_EQ(cut.message_of(1'000), 3U);
}

TEST(PromptBlocks, of_a_longer_conversation_begin_with_those_of_the_shorter) {
  auto const shorter = prompt_of(std::string(1'000, 'x'));
  ModelCall call;
  call.model = "m";
  agent::Message message;
  message.role = "user";
  message.content = std::string(1'000, 'x');
  call.messages.push_back({message, {}});
  message.content = std::string(1'000, 'y');
  call.messages.push_back({message, {}});
  auto const longer = cut_into_blocks(call);
  ASSERT_LT(shorter.blocks.size(), longer.blocks.size());
  for (std::size_t i = 0; i < shorter.blocks.size(); ++i)
    EXPECT_EQ(shorter.blocks[i], longer.blocks[i]);
}

}  // namespace
}  // namespace dalsegno::activities
