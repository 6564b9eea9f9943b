#include "engine/govern/tokens.h"

#include "tests/engine/govern/govern_fixture.h"

#include <gmock/gmock.h>

namespace dalsegno::engine::test {
namespace {

using access::TokenKind;
using testing::HasSubstr;

class Tokens : public GovernFixture {
 protected:
  std::string why_not(Result<MadeToken> const& made) {
    EXPECT_FALSE(made.has_value());
    return made ? std::string() : made.error().detail;
  }
  MadeToken break_glass(Credentials const& by, std::string owner, Time now = start) {
    auto wanted = request(std::move(owner));
    wanted.break_glass = true;
    return make(by, wanted, now);
  }
};

TEST_F(Tokens, are_nowhere_in_the_log) {
  auto const made = make(nobody_but("ann"), request("ann"));
  auto const text = std::string(made.token.text());
  auto const head = log_->head(storage::journal_session()).value();
  ASSERT_TRUE(
      log_->read_steps(storage::journal_session(), head->run, 1, [&](std::string_view bytes) {
        EXPECT_EQ(bytes.find(text), std::string_view::npos);
        EXPECT_EQ(bytes.find(text.substr(7, 30)), std::string_view::npos);
        return true;
      }));
  EXPECT_EQ(access::TokenTable::read(*log_)->find(made.token.digest())->owner, "ann");
}

TEST_F(Tokens, are_made_by_operators_only_after_the_first) {
  make(nobody_but("ann"), request("ann"));
  EXPECT_THAT(why_not(create_token(*log_, nobody_but("ann"), request("ann"), "again", start)),
              HasSubstr("takes the token"));
}

TEST_F(Tokens, of_operators_take_a_second_person_once_two_people_have_one) {
  appoint_two();
  EXPECT_THAT(why_not(create_token(*log_, with(*ann_), request("carl"), "help", start)),
              HasSubstr("second person"));
  EXPECT_TRUE(create_token(*log_, with(*ann_, *bob_), request("carl"), "help", start));
  auto worker = request("worker", {"session.*"});
  worker.kind = TokenKind::runtimes;
  EXPECT_TRUE(create_token(*log_, with(*ann_), worker, "help", start));
}

TEST_F(Tokens, grant_no_more_than_their_makers_have) {
  appoint_two();
  auto const maker = make(with(*ann_, *bob_), request("eve", {"operator.token"}));
  auto const other = make(with(*ann_, *bob_), request("fay", {"operator.token"}));
  EXPECT_THAT(
      why_not(create_token(
          *log_, with(maker.token, other.token), request("eve", {"operator.*"}), "more", start)),
      HasSubstr("cannot grant it"));
  EXPECT_TRUE(create_token(
      *log_, with(maker.token, other.token), request("gil", {"operator.token"}), "as much", start));
}

TEST_F(Tokens, have_scopes_that_name_actions_that_there_are) {
  EXPECT_THAT(why_not(create_token(
                  *log_, nobody_but("ann"), request("ann", {"operator.eraze"}), "", start)),
              HasSubstr("did you mean \"operator.erase\"?"));
  auto worker = request("worker", {"operator.erase"});
  worker.kind = TokenKind::runtimes;
  EXPECT_THAT(why_not(create_token(*log_, nobody_but("ann"), worker, "x", start)),
              HasSubstr("only an operator's token"));
}

TEST_F(Tokens, that_were_rotated_are_valid_both_until_the_old_ones_end) {
  appoint_two();
  auto const rotated =
      rotate_token(*log_, with(*ann_), last_id_of("ann"), 1h, std::nullopt, "monthly", start);
  ASSERT_TRUE(rotated) << rotated.error().detail;
  EXPECT_TRUE(act(with(*ann_), "operator.release", {}, start + 59min));
  EXPECT_TRUE(act(with(rotated->token), "operator.release", {}, start + 59min));
  EXPECT_FALSE(act(with(*ann_), "operator.release", {}, start + 1h));
  EXPECT_TRUE(act(with(rotated->token), "operator.release", {}, start + 1h));
}

TEST_F(Tokens, have_one_successor_at_a_time) {
  appoint_two();
  auto const id = last_id_of("ann");
  ASSERT_TRUE(rotate_token(*log_, with(*ann_), id, 1h, std::nullopt, "monthly", start));
  auto const again = rotate_token(*log_, with(*ann_), id, 1h, std::nullopt, "monthly", start);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
}

TEST_F(Tokens, of_somebody_else_are_not_had_by_rotating_them_alone) {
  appoint_two();
  auto const id = last_id_of("bob");
  EXPECT_THAT(why_not(rotate_token(*log_, with(*ann_), id, 1h, std::nullopt, "mine", start)),
              HasSubstr("second person"));
  EXPECT_TRUE(rotate_token(*log_, with(*ann_, *bob_), id, 1h, std::nullopt, "his", start));
}

TEST_F(Tokens, that_are_revoked_end_at_once_and_for_good) {
  appoint_two();
  ASSERT_TRUE(revoke_token(*log_, with(*ann_), last_id_of("bob"), "stolen", start));
  EXPECT_THAT(refusal(act(with(*bob_), "operator.release")), HasSubstr("revoked"));
  auto const again = revoke_token(*log_, with(*ann_), last_id_of("bob"), "stolen", start);
  EXPECT_EQ(again.error().code, Errc::ended);
}

TEST_F(Tokens, for_emergencies_do_one_thing_alone_within_an_hour_and_it_is_marked) {
  appoint_two();
  auto const glass = break_glass(with(*ann_), "ann");
  EXPECT_EQ(glass.expires, start + 60min);
  auto const who = act(with(glass.token), "operator.erase", SecondPerson::needed, start + 59min);
  ASSERT_TRUE(who) << who.error().detail;
  EXPECT_TRUE(who->break_glass);
  EXPECT_TRUE(last_action().break_glass);
  EXPECT_THAT(refusal(act(with(glass.token), "operator.release", {}, start + 59min)),
              HasSubstr("has had it"));
  auto const late = break_glass(with(*ann_), "ann", start + 1h);
  EXPECT_THAT(refusal(act(with(late.token), "operator.release", {}, start + 2h)),
              HasSubstr("expired"));
}

TEST_F(Tokens, for_emergencies_are_not_used_up_by_a_refusal) {
  appoint_two();
  auto wanted = request("ann", {"operator.erase"});
  wanted.break_glass = true;
  auto const glass = make(with(*ann_), wanted);
  EXPECT_FALSE(act(with(glass.token), "operator.release"));
  EXPECT_TRUE(act(with(glass.token), "operator.erase", SecondPerson::needed));
}

TEST_F(Tokens, for_emergencies_live_an_hour_at_most) {
  auto wanted = request("ann");
  wanted.break_glass = true;
  wanted.lifetime = 61min;
  EXPECT_FALSE(create_token(*log_, nobody_but("ann"), wanted, "fire", start));
}

TEST_F(Tokens, for_emergencies_appoint_no_operator_beside_those_there_are) {
  appoint_two();
  auto const glass = break_glass(with(*ann_), "ann");
  EXPECT_THAT(why_not(create_token(*log_, with(glass.token), request("puppet"), "mine", start)),
              HasSubstr("while somebody has a valid one"));
}

TEST_F(Tokens, for_emergencies_are_the_way_back_when_all_others_have_ended) {
  auto wanted = request("ann");
  wanted.lifetime = 1h;
  make(nobody_but("ann"), wanted);
  auto const later = start + 2h;
  EXPECT_FALSE(create_token(*log_, nobody_but("ann"), request("ann"), "locked out", later));
  auto const glass = break_glass(nobody_but("ann"), "ann", later);
  EXPECT_TRUE(create_token(*log_, with(glass.token), request("ann"), "back again", later));
  EXPECT_TRUE(last_action().break_glass);
}

}  // namespace
}  // namespace dalsegno::engine::test
