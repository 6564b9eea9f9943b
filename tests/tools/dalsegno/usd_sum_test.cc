#include "tools/dalsegno/forensics/usd_sum.h"

#include <gtest/gtest.h>

#include <limits>

namespace dalsegno::forensics {
namespace {

TEST(UsdSum, a_hundred_thousand_small_costs_come_to_what_they_are) {
  UsdSum sum;
  double drifting = 0;
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(sum.add(0.000'000'7));
    drifting += 0.000'000'7;
  }
  EXPECT_EQ(sum.usd(), 0.07);
  EXPECT_EQ(sum.micro(), 70'000U);
  EXPECT_EQ(sum.text(), "0.070000");
  EXPECT_NE(drifting, 0.07) << "doubles alone would not do";
}

TEST(UsdSum, carries_into_whole_dollars_and_rounds_only_what_is_shown) {
  UsdSum sum;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(sum.add(4.999'999'6));
  EXPECT_EQ(sum.text(), "14.999999") << "14.9999988";
  ASSERT_TRUE(sum.add(0.000'000'7));
  EXPECT_EQ(sum.text(), "15.000000") << "14.9999995";
}

TEST(UsdSum, refuses_what_is_no_cost) {
  UsdSum sum;
  EXPECT_FALSE(sum.add(-0.01));
  EXPECT_FALSE(sum.add(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(sum.add(std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(sum.add(1e300));
  EXPECT_TRUE(sum.add(UsdSum::most_usd));
  EXPECT_TRUE(sum.add(0));
  EXPECT_EQ(sum.text(), "1000000.000000");
}

}  // namespace
}  // namespace dalsegno::forensics
