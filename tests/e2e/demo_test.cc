// `dalsegno demo`: what a newcomer sees first.

#include "tests/e2e/command.h"
#include "tests/e2e/sessions.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Demo, shows_a_denial_an_approval_a_redacted_card_and_a_session_that_is_killed_and_goes_on) {
  TemporaryFolder const folder;
  auto const place = folder.path() / "demo";
  auto const ran = dalsegno({"demo", "--data", place.string()});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("refund_booking: DENIED by refunds-need-a-person"));
  EXPECT_THAT(ran.out, HasSubstr("The process is dead (SIGKILL)"));
  EXPECT_THAT(ran.out, HasSubstr("Recorded calls made again: 0"));
  EXPECT_THAT(ran.out, HasSubstr("the chain is whole"));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b")));  // colours are for terminals
  EXPECT_THAT(ran.out, HasSubstr("1 waits for approval"));
  EXPECT_THAT(ran.out, HasSubstr("approved by Mara Lind: the fee is right"));
  EXPECT_THAT(ran.out, HasSubstr("[secret:payment_card:"));
  EXPECT_THAT(ran.out, Not(HasSubstr("4111")));
  EXPECT_LE(std::ranges::count(ran.out, '\n'), 105);

  auto const log = open_to_read(place / "dalsegno-data");
  auto const facts = read_facts(*log);
  ASSERT_EQ(facts.size(), 4U);
  for (auto const& [name, session] : facts)
    EXPECT_THAT(session.end, HasSubstr(R"("ended_by":"client")")) << name;
  auto const attempts = check_attempts(*log);
  EXPECT_EQ(attempts.orphaned, 1U);
  EXPECT_TRUE(attempts.broken.empty());

  auto const again = dalsegno({"demo", "--data", place.string()});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("is not empty; the demonstration wants a new folder"));
}

}  // namespace
}  // namespace dalsegno::test
