#include "activities/http/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dalsegno::http {
namespace {

using namespace std::chrono_literals;

TEST(SystemResolver, knows_the_machine_itself) {
  SystemResolver resolver;
  auto const addresses = resolver.resolve("localhost", 10s);
  ASSERT_TRUE(addresses) << addresses.error().detail;
  EXPECT_TRUE(std::ranges::find(*addresses, *parse_address("127.0.0.1")) != addresses->end() ||
              std::ranges::find(*addresses, *parse_address("::1")) != addresses->end());
}

TEST(SystemResolver, says_that_it_took_too_long) {
  SystemResolver resolver(0);  // nobody answers
  auto const addresses = resolver.resolve("localhost", 1ms);
  ASSERT_FALSE(addresses);
  EXPECT_EQ(addresses.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace dalsegno::http
