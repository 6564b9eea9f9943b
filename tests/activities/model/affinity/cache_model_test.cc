#include "activities/model/affinity/cache_model.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <list>
#include <vector>

namespace dalsegno::activities {
namespace {

using Prompt = std::vector<BlockDigest>;

/// The chain of a prompt whose blocks are written as letters.
Prompt chain(std::string_view letters) {
  Prompt prompt;
  std::uint64_t before = 0;
  for (char const letter : letters) {
    before = (before + static_cast<unsigned char>(letter)) * 0x9E3779B97F4A7C15U;
    prompt.push_back(BlockDigest{before});
  }
  return prompt;
}

/// The same model written without any cleverness: a list of blocks for each endpoint.
class NaiveCache {
 public:
  explicit NaiveCache(CacheModel::Capacity capacity) : capacity_(capacity) {}

  void touch(Prompt const& prompt) {
    for (auto i = prompt.size(); i-- > 0;) {
      blocks_.remove(prompt[i]);
      blocks_.push_front(prompt[i]);
    }
    trim();
  }
  void set_capacity(CacheModel::Capacity capacity) {
    capacity_ = capacity;
    trim();
  }
  void clear() { blocks_.clear(); }

  /// Nothing if it is not tracked.
  [[nodiscard]] std::optional<std::uint64_t> depth(BlockDigest block) const {
    auto const at = std::ranges::find(blocks_, block);
    if (at == blocks_.end()) return std::nullopt;
    return static_cast<std::uint64_t>(std::distance(blocks_.begin(), at));
  }
  [[nodiscard]] std::uint32_t leading(Prompt const& prompt, std::uint64_t capacity) const {
    std::uint32_t count = 0;
    while (count < prompt.size() && depth(prompt[count]).value_or(capacity) < capacity) ++count;
    return count;
  }
  [[nodiscard]] std::uint32_t believed(Prompt const& prompt) const {
    return leading(prompt, capacity_.believed);
  }
  [[nodiscard]] std::uint32_t tracked(Prompt const& prompt) const {
    return leading(prompt, capacity_.tracked);
  }
  [[nodiscard]] std::uint64_t size() const { return blocks_.size(); }

 private:
  void trim() {
    while (blocks_.size() > capacity_.tracked) blocks_.pop_back();
  }

  CacheModel::Capacity capacity_;
  std::list<BlockDigest> blocks_;  // the most recent first
};

rc::Gen<Prompt> prompts() {
  auto const letters = rc::gen::container<std::string>(
      rc::gen::weightedElement<char>({{8, 'a'}, {2, 'b'}, {1, 'c'}}));
  return rc::gen::map(rc::gen::resize(24, letters),
                      [](std::string const& text) { return chain(text); });
}

CacheModel::Capacity some_capacity() {
  auto const believed = *rc::gen::inRange<std::uint64_t>(1, 40);
  return {.believed = believed, .tracked = believed + *rc::gen::inRange<std::uint64_t>(0, 40)};
}

void expect_same(CacheModel const& model,
                 std::vector<NaiveCache> const& naive,
                 Prompt const& prompt) {
  CacheModel::Match match;
  std::vector<CacheModel::DepthStep> steps;
  model.match(prompt, match);
  for (std::size_t i = 0; i < naive.size(); ++i) {
    RC_ASSERT(match.tracked[i] == naive[i].tracked(prompt));
    RC_ASSERT(match.believed[i] == naive[i].believed(prompt));
    model.depths(i, match, steps);
    std::size_t step = 0;
    for (std::uint32_t at = 0; at < match.tracked[i]; ++at) {
      while (step + 1 < steps.size() && steps[step + 1].position <= at) ++step;
      RC_ASSERT(steps[step].depth + (at - steps[step].position) == *naive[i].depth(prompt[at]));
    }
  }
}

RC_GTEST_PROP(CacheModel, does_what_lists_of_single_blocks_do, ()) {
  constexpr std::size_t endpoints = 3;
  auto const capacity = some_capacity();
  CacheModel model(endpoints, capacity);
  std::vector<NaiveCache> naive(endpoints, NaiveCache(capacity));
  auto const count = *rc::gen::inRange(1, 200);
  for (int i = 0; i < count; ++i) {
    auto const endpoint = *rc::gen::inRange<std::size_t>(0, endpoints);
    auto const what = *rc::gen::inRange(0, 20);
    if (what == 0) {
      model.clear(endpoint);
      naive[endpoint].clear();
    } else if (what <= 2) {
      auto const changed = some_capacity();
      model.set_capacity(endpoint, changed);
      naive[endpoint].set_capacity(changed);
    } else {
      auto const prompt = *prompts();
      expect_same(model, naive, prompt);
      CacheModel::Match match;
      model.match(prompt, match);
      model.touch(endpoint, prompt, match, Time(std::chrono::seconds(i)));
      naive[endpoint].touch(prompt);
      expect_same(model, naive, prompt);
    }
    std::uint64_t blocks = 0;
    for (auto const& one : naive) blocks += one.size();
    RC_ASSERT(model.tracked_blocks() == blocks);
  }
  expect_same(model, naive, *prompts());
}

class Model : public ::testing::Test {
 protected:
  void touch(std::size_t endpoint, std::string_view letters, int second = 0) {
    auto const prompt = chain(letters);
    model_.match(prompt, match_);
    model_.touch(endpoint, prompt, match_, Time(std::chrono::seconds(second)));
  }
  std::uint32_t believed(std::size_t endpoint, std::string_view letters) {
    model_.match(chain(letters), match_);
    return match_.believed[endpoint];
  }

  CacheModel model_{2, {.believed = 6, .tracked = 12}};
  CacheModel::Match match_;
};

TEST_F(Model, knows_what_each_endpoint_was_sent) {
  touch(0, "abcd");
  touch(1, "abxy");
  EXPECT_EQ(believed(0, "abcd"), 4U);
  EXPECT_EQ(believed(1, "abcd"), 2U);
  EXPECT_EQ(believed(0, "b"), 0U);
}

TEST_F(Model, forgets_a_chain_from_its_end) {
  touch(0, "abcd");
  touch(0, "wxyz");
  EXPECT_EQ(believed(0, "abcd"), 2U);
  EXPECT_EQ(believed(0, "wxyz"), 4U);
}

TEST_F(Model, holds_the_beginning_of_a_prompt_that_is_larger_than_the_cache) {
  touch(0, "abcdefgh");
  EXPECT_EQ(believed(0, "abcdefgh"), 6U);
}

TEST_F(Model, says_when_the_blocks_that_were_pushed_out_had_been_used) {
  touch(0, "abcd", 7);
  EXPECT_EQ(model_.pushed_out(0), Time::min());
  touch(0, "wxyz", 9);
  EXPECT_EQ(model_.pushed_out(0), Time(std::chrono::seconds(7)));
  EXPECT_EQ(model_.pushed_out(1), Time::min());
}

TEST_F(Model, remembers_when_a_belief_grows_again) {
  touch(0, "abcdef");
  model_.set_capacity(0, {.believed = 2, .tracked = 12});
  EXPECT_EQ(believed(0, "abcdef"), 2U);
  model_.set_capacity(0, {.believed = 5, .tracked = 12});
  EXPECT_EQ(believed(0, "abcdef"), 5U);
}

TEST_F(Model, takes_an_empty_prompt) {
  touch(0, "");
  EXPECT_EQ(model_.tracked_blocks(), 0U);
}

}  // namespace
}  // namespace dalsegno::activities
