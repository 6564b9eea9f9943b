#include "activities/model/affinity/block_digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace dalsegno::activities {
namespace {

std::size_t shared(std::string_view a, std::string_view b) {
  auto const left = digest_blocks(a, 4);
  auto const right = digest_blocks(b, 4);
  return static_cast<std::size_t>(std::ranges::mismatch(left, right).in1 - left.begin());
}

TEST(BlockDigest, prompts_share_as_many_blocks_as_they_begin_alike) {
  EXPECT_EQ(shared("aaaabbbbcccc", "aaaabbbbccccdddd"), 3U);
  EXPECT_EQ(shared("aaaabbbbcccc", "aaaaxbbbcccc"), 1U);
  EXPECT_EQ(shared("aaaabbbb", "xaaabbbb"), 0U);
}

TEST(BlockDigest, equal_blocks_at_different_places_have_different_digests) {
  auto const chain = digest_blocks("aaaaaaaaaaaa", 4);
  ASSERT_EQ(chain.size(), 3U);
  EXPECT_NE(chain[0], chain[1]);
  EXPECT_NE(chain[1], chain[2]);
}

TEST(BlockDigest, the_last_block_may_be_shorter) {
  EXPECT_EQ(digest_blocks("aaaab", 4).size(), 2U);
  EXPECT_TRUE(digest_blocks("", 4).empty());
}

}  // namespace
}  // namespace dalsegno::activities
