#include "activities/model/budget/ledger.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace dalsegno::activities {
namespace {

constexpr auto operator""_m(unsigned long long amount) { return MicroUsd{amount}; }

BudgetOwner const owner{"acme", "agent", "monday"};
BudgetAccount const tenant{BudgetKind::tenant, "acme"};
BudgetAccount const workflow{BudgetKind::workflow, "acme", "agent"};
BudgetAccount const session{BudgetKind::session, "acme", "monday"};

BudgetLedger ledger_with(BudgetKind kind, BudgetLimit limit) {
  return BudgetLedger(BudgetLimits{.by_kind = {{kind, limit}}});
}

TEST(MicroUsd, never_rounds_an_estimate_down) {
  EXPECT_EQ(micro_usd(0.000915), 915_m);
  EXPECT_EQ(micro_usd(0.0000001), 1_m);
  EXPECT_EQ(micro_usd(-1), 0_m);
  EXPECT_EQ(micro_usd(0), 0_m);
  EXPECT_EQ(micro_usd(std::numeric_limits<double>::infinity()), 9'007'199'254'740'992_m);
  EXPECT_EQ(micro_usd(std::nan("")), 9'007'199'254'740'992_m);
  EXPECT_EQ(to_usd(1'500'000_m), 1.5);
}

TEST(BudgetLedger, refuses_what_goes_beyond_a_hard_limit_and_sets_nothing_aside) {
  auto ledger = ledger_with(BudgetKind::session, {.hard = 100_m});
  ASSERT_TRUE(ledger.reserve(owner, 60_m));
  auto const refused = ledger.reserve(owner, 41_m);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), (BudgetRefusal{session, 41_m, 40_m}));
  EXPECT_EQ(ledger.standing(tenant).reserved, 60_m);
  EXPECT_TRUE(ledger.reserve(owner, 40_m));
}

TEST(BudgetLedger, holds_for_calls_that_run_side_by_side) {
  auto ledger = ledger_with(BudgetKind::tenant, {.hard = 100_m});
  auto const first = ledger.reserve({"acme", "agent", "monday"}, 50_m);
  auto const second = ledger.reserve({"acme", "other", "tuesday"}, 50_m);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(ledger.reserve({"acme", "agent", "wednesday"}, 1_m));
  EXPECT_TRUE(ledger.reserve({"another", "agent", "monday"}, 100_m));
}

TEST(BudgetLedger, gives_back_what_a_call_did_not_cost) {
  auto ledger = ledger_with(BudgetKind::tenant, {.hard = 100_m});
  auto const call = ledger.reserve(owner, 80_m);
  ASSERT_TRUE(ledger.settle(call->id, 30_m));
  EXPECT_EQ(ledger.left(tenant), 70_m);
  EXPECT_EQ(ledger.standing(session), (BudgetLedger::Standing{.spent = 30_m}));
}

TEST(BudgetLedger, counts_a_call_that_cost_more_than_was_set_aside_and_refuses_the_next) {
  auto ledger = ledger_with(BudgetKind::workflow, {.hard = 100_m});
  auto const call = ledger.reserve(owner, 10_m);
  ASSERT_TRUE(ledger.settle(call->id, 130_m));
  EXPECT_EQ(ledger.left(workflow), 0_m);
  EXPECT_FALSE(ledger.reserve(owner, 0_m));
}

TEST(BudgetLedger, settles_once) {
  auto ledger = ledger_with(BudgetKind::tenant, {.hard = 100_m});
  auto const call = ledger.reserve(owner, 10_m);
  EXPECT_TRUE(ledger.settle(call->id, 10_m));
  EXPECT_FALSE(ledger.settle(call->id, 10_m));
  EXPECT_FALSE(ledger.release(call->id));
  EXPECT_EQ(ledger.standing(tenant).spent, 10_m);
}

TEST(BudgetLedger, warns_once_beyond_a_soft_limit) {
  auto ledger = ledger_with(BudgetKind::session, {.soft = 50_m});
  EXPECT_TRUE(ledger.reserve(owner, 50_m)->warnings.empty());
  auto const beyond = ledger.reserve(owner, 1_m);
  ASSERT_EQ(beyond->warnings.size(), 1U);
  EXPECT_EQ(beyond->warnings.front(), (BudgetWarning{session, 51_m, 50_m}));
  EXPECT_TRUE(ledger.reserve(owner, 1_m)->warnings.empty());
}

TEST(BudgetLedger, goes_on_from_what_was_spent_before) {
  auto ledger = ledger_with(BudgetKind::tenant, {.soft = 10_m, .hard = 100_m});
  EXPECT_EQ(ledger.spend(owner, 95_m).size(), 1U);
  EXPECT_FALSE(ledger.reserve(owner, 6_m));
  EXPECT_TRUE(ledger.reserve(owner, 5_m));
}

TEST(BudgetLimits, of_an_account_count_for_more_than_those_of_its_kind) {
  BudgetLimits const limits{.by_kind = {{BudgetKind::session, {.hard = 10_m}}},
                            .by_account = {{session, {.hard = 99_m}}}};
  EXPECT_EQ(limits.limit_of(session).hard, 99_m);
  EXPECT_EQ(limits.limit_of({BudgetKind::session, "acme", "tuesday"}).hard, 10_m);
  EXPECT_EQ(limits.limit_of(tenant), BudgetLimit{});
}

/// Any calls, begun and ended in any order, none of which costs more than was set aside for it.
RC_GTEST_PROP(BudgetLedger, never_spends_beyond_a_hard_limit, ()) {
  auto const hard = *rc::gen::inRange<std::uint64_t>(0, 200);
  BudgetLimits const limits{.by_kind = {{BudgetKind::tenant, {.hard = MicroUsd{hard}}},
                                        {BudgetKind::session, {.hard = MicroUsd{hard / 2}}}}};
  BudgetLedger ledger(limits);
  struct Call {
    ReservationId id;
    std::uint64_t most;
    std::string session;
  };
  std::vector<Call> open;
  std::map<std::string, std::uint64_t> spent;  // the naive model: what each session has paid
  for (int step = *rc::gen::inRange(0, 60); step > 0; --step) {
    if (open.empty() || *rc::gen::arbitrary<bool>()) {
      auto const name = *rc::gen::element<std::string>("a", "b", "c");
      auto const most = *rc::gen::inRange<std::uint64_t>(0, 60);
      auto const made = ledger.reserve({"acme", "agent", name}, MicroUsd{most});
      if (made) open.push_back({made->id, most, name});
    } else {
      auto const at = *rc::gen::inRange<std::size_t>(0, open.size());
      auto const call = open[at];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      auto const cost = *rc::gen::inRange<std::uint64_t>(0, call.most + 1);
      if (*rc::gen::inRange(0, 4) == 0) {
        RC_ASSERT(ledger.release(call.id));
      } else {
        RC_ASSERT(ledger.settle(call.id, MicroUsd{cost}).has_value());
        spent[call.session] += cost;
      }
    }
    std::uint64_t total = 0;
    for (auto const& [name, amount] : spent) {
      total += amount;
      RC_ASSERT(ledger.standing({BudgetKind::session, "acme", name}).spent == MicroUsd{amount});
      RC_ASSERT(amount <= hard / 2);
    }
    std::uint64_t set_aside = 0;
    for (auto const& call : open) set_aside += call.most;
    RC_ASSERT(ledger.standing(tenant).spent == MicroUsd{total});
    RC_ASSERT(ledger.standing(tenant).reserved == MicroUsd{set_aside});
    RC_ASSERT(total + set_aside <= hard);
  }
  for (auto const& call : open) RC_ASSERT(ledger.release(call.id));
  RC_ASSERT(ledger.open_reservations() == 0U);
  RC_ASSERT(ledger.standing(tenant).reserved == MicroUsd{0});
}

/// Whatever fits one after the other in one order fits in any other.
RC_GTEST_PROP(BudgetLedger, ends_the_same_in_whatever_order_calls_are_settled, ()) {
  auto const costs =
      *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 50));
  BudgetLedger forward{{}};
  BudgetLedger backward{{}};
  std::vector<ReservationId> a;
  std::vector<ReservationId> b;
  for (auto const cost : costs) {
    a.push_back(forward.reserve(owner, MicroUsd{cost + 1})->id);
    b.push_back(backward.reserve(owner, MicroUsd{cost + 1})->id);
  }
  for (std::size_t i = 0; i < costs.size(); ++i) {
    forward.settle(a[i], MicroUsd{costs[i]});
    auto const j = costs.size() - 1 - i;
    backward.settle(b[j], MicroUsd{costs[j]});
  }
  for (auto const& account : {tenant, workflow, session})
    RC_ASSERT(forward.standing(account) == backward.standing(account));
}

}  // namespace
}  // namespace dalsegno::activities
