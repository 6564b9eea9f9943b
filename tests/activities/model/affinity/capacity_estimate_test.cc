#include "activities/model/affinity/capacity_estimate.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <optional>

namespace dalsegno::activities {
namespace {

TEST(CapacityEstimate, moves_to_the_bound_that_an_answer_gives) {
  CapacityEstimate estimate(100);
  EXPECT_TRUE(estimate.observe({}, 60));
  EXPECT_EQ(estimate.blocks(), 60U);
  EXPECT_TRUE(estimate.observe(79, {}));
  EXPECT_EQ(estimate.blocks(), 80U);
  EXPECT_FALSE(estimate.observe(10, 90));
  EXPECT_EQ(estimate.blocks(), 80U);
}

TEST(CapacityEstimate, goes_half_the_way_where_an_answer_contradicts_an_earlier_one) {
  CapacityEstimate estimate(100);
  estimate.observe(99, {});
  EXPECT_TRUE(estimate.proven(99));
  estimate.observe({}, 20);
  EXPECT_EQ(estimate.blocks(), 60U);
  EXPECT_FALSE(estimate.proven(20));
  estimate.observe({}, 20);
  EXPECT_EQ(estimate.blocks(), 20U);
}

TEST(CapacityEstimate, takes_what_another_endpoint_has_until_it_knows_better) {
  CapacityEstimate estimate(100);
  EXPECT_TRUE(estimate.suppose(50));
  EXPECT_EQ(estimate.blocks(), 50U);
  estimate.observe(69, {});
  EXPECT_FALSE(estimate.suppose(40));
  EXPECT_EQ(estimate.blocks(), 70U);
}

RC_GTEST_PROP(CapacityEstimate, never_leaves_the_truth_once_it_is_there_and_ends_near_it, ()) {
  auto const truth = *rc::gen::inRange<std::uint64_t>(1, 1000);
  CapacityEstimate estimate(*rc::gen::inRange<std::uint64_t>(1, 5000));
  auto const see = [&](std::uint64_t depth) {
    bool const is_found = depth < truth;
    estimate.observe(is_found ? std::optional(depth) : std::nullopt,
                     is_found ? std::nullopt : std::optional(depth));
  };
  bool was_right = false;
  for (int i = 0; i < 50; ++i) {
    see(*rc::gen::inRange<std::uint64_t>(0, 6000));
    was_right = was_right || estimate.blocks() == truth;
    RC_ASSERT(!was_right || estimate.blocks() == truth);
  }
  see(truth - 1);
  see(truth);
  RC_ASSERT(estimate.blocks() == truth);
}

}  // namespace
}  // namespace dalsegno::activities
