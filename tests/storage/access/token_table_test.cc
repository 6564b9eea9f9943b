#include "storage/access/token_table.h"

#include "storage/access/recorded_time.h"
#include "storage/log/journal.h"
#include "storage/memory/memory_log.h"
#include "tests/support/append_script.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace dalsegno::access {
namespace {

using namespace std::chrono_literals;
using storage::TokenCreated;
using storage::TokenRevoked;
using storage::test::at;

constexpr Time start = Time(std::chrono::microseconds(1'000'000'000));

TokenCreated created(std::string id, std::optional<Time> expires = {}) {
  TokenCreated body;
  body.digest = storage::sha256({"token ", id});
  body.id = std::move(id);
  body.owner = "ann";
  body.expires = expires;
  return body;
}

storage::Digest digest_of(std::string const& id) { return storage::sha256({"token ", id}); }

class Tokens : public testing::Test {
 protected:
  void record(storage::EventBody body, Time now) {
    ASSERT_TRUE(storage::append_to_journal(*log_, {std::move(body)}, now));
  }
  TokenTable table() { return TokenTable::read(*log_).value(); }
  TokenState state(std::string const& id, Time now) {
    return table().find(digest_of(id))->state(not_before_recorded(*log_, now).value());
  }

  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(storage::make_memory_store(1));
};

TEST_F(Tokens, of_a_new_store_are_none) {
  EXPECT_TRUE(table().all().empty());
  EXPECT_FALSE(table().has_operators());
  EXPECT_EQ(table().find(digest_of("a")), nullptr);
}

TEST_F(Tokens, are_what_the_events_of_the_operators_session_tell) {
  auto body = created("a", start + 1h);
  body.kind = TokenKind::auditors;
  body.roles = {"reader"};
  body.scopes = {"session.*"};
  body.tenant = "acme";
  body.replaces = "z";
  record(body, start);
  auto const tokens = table();
  ASSERT_EQ(tokens.all().size(), 1U);
  KnownToken const expected{.id = "a",
                            .kind = TokenKind::auditors,
                            .digest = digest_of("a"),
                            .owner = "ann",
                            .roles = {"reader"},
                            .scopes = {"session.*"},
                            .tenant = "acme",
                            .created = start,
                            .expires = start + 1h,
                            .ends = {},
                            .replaces = "z"};
  EXPECT_EQ(*tokens.find(digest_of("a")), expected);
  EXPECT_EQ(tokens.with_id("a"), tokens.find(digest_of("a")));
  EXPECT_FALSE(tokens.has_operators());
}

TEST_F(Tokens, end_at_the_moment_they_expire) {
  record(created("a", start + 1h), start);
  EXPECT_EQ(state("a", start + 1h - 1us), TokenState::valid);
  EXPECT_EQ(state("a", start + 1h), TokenState::expired);
}

TEST_F(Tokens, are_not_revived_by_a_clock_that_is_set_back) {
  record(created("a", start + 1h), start);
  storage::test::AppendScript other(*log_, {"default", "any"});
  auto step = other.next({storage::test::input("1")});
  step.head.updated_at = start + 2h;  // some session was at work after the token's end
  ASSERT_TRUE(log_->append({&step, 1})->each.front());
  EXPECT_EQ(state("a", start + 1min), TokenState::expired);
  EXPECT_FALSE(table().has_valid_operator(not_before_recorded(*log_, start).value()));
}

TEST_F(Tokens, end_at_once_when_they_are_revoked) {
  record(created("a"), start);
  record(TokenRevoked{"a", {}}, start + 5s);
  EXPECT_EQ(state("a", start), TokenState::revoked);
}

TEST_F(Tokens, are_two_at_once_while_one_takes_over_from_the_other) {
  record(created("a"), start);
  auto next = created("b");
  next.replaces = "a";
  record(next, start + 1h);
  record(TokenRevoked{"a", start + 25h}, start + 1h);
  EXPECT_EQ(state("a", start + 25h - 1us), TokenState::valid);
  EXPECT_EQ(state("b", start + 25h - 1us), TokenState::valid);
  EXPECT_EQ(state("a", start + 25h), TokenState::revoked);
  EXPECT_EQ(state("b", start + 25h), TokenState::valid);
}

TEST_F(Tokens, cannot_have_their_end_put_off) {
  record(created("a"), start);
  record(TokenRevoked{"a", start + 1h}, start);
  record(TokenRevoked{"a", start + 9h}, start);
  EXPECT_EQ(state("a", start + 1h), TokenState::revoked);
  record(created("a"), start + 2h);  // nor can they be made again
  EXPECT_EQ(state("a", start + 2h), TokenState::revoked);
}

TEST_F(Tokens, for_emergencies_last_an_hour_and_one_action_whatever_their_event_says) {
  auto body = created("a", start + 24h);
  body.break_glass = true;
  record(body, start);
  body = created("b");
  body.break_glass = true;
  record(body, start);
  EXPECT_EQ(state("a", start + 59min), TokenState::valid);
  EXPECT_EQ(state("a", start + 60min), TokenState::expired);
  EXPECT_EQ(state("b", start + 60min), TokenState::expired);
  storage::OperatorActed acted;
  acted.credential = "a";
  acted.break_glass = true;
  record(acted, start + 1min);
  EXPECT_EQ(state("a", start + 1min), TokenState::used);
}

TEST_F(Tokens, once_made_leave_the_store_with_operators_for_ever) {
  record(created("a", start + 1h), start);
  EXPECT_TRUE(table().has_operators());
  EXPECT_TRUE(table().has_valid_operator(start));
  EXPECT_FALSE(table().has_valid_operator(start + 1h));
  EXPECT_TRUE(table().has_operators());
}

TEST(SameDigest, tells_digests_apart_by_any_bit) {
  storage::Digest const digest = storage::sha256({"a"});
  EXPECT_TRUE(same_digest(digest, digest));
  for (std::size_t bit = 0; bit < 256; ++bit) {
    auto other = digest;
    other.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(same_digest(digest, other)) << bit;
  }
}

}  // namespace
}  // namespace dalsegno::access
