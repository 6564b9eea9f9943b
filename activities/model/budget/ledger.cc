#include "activities/model/budget/ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace dalsegno::activities {

namespace {

std::uint64_t number(MicroUsd amount) { return static_cast<std::uint64_t>(amount); }

/// Sums stop at the largest number: beyond it nothing is left anyway.
MicroUsd plus(MicroUsd a, MicroUsd b) {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  return MicroUsd{number(a) > largest - number(b) ? largest : number(a) + number(b)};
}

MicroUsd minus(MicroUsd a, MicroUsd b) {
  return MicroUsd{number(a) > number(b) ? number(a) - number(b) : 0};
}

MicroUsd used(BudgetLedger::Standing const& standing) {
  return plus(standing.spent, standing.reserved);
}

}  // namespace

BudgetLedger::Accounts BudgetLedger::accounts_of(BudgetOwner const& owner) {
  return {BudgetAccount{BudgetKind::tenant, owner.tenant},
          BudgetAccount{BudgetKind::workflow, owner.tenant, owner.workflow},
          BudgetAccount{BudgetKind::session, owner.tenant, owner.session}};
}

std::expected<Reservation, BudgetRefusal> BudgetLedger::reserve(BudgetOwner const& owner,
                                                                MicroUsd most) {
  auto accounts = accounts_of(owner);
  for (auto const& account : accounts) {
    auto const rest = left(account);
    if (rest && (*rest < most || *rest == MicroUsd{0}))
      return std::unexpected(BudgetRefusal{account, most, *rest});
  }
  Reservation made{.id = ReservationId{++last_id_}};
  for (auto const& account : accounts) {
    auto& standing = standings_[account];
    standing.reserved = plus(standing.reserved, most);
    warn(account, made.warnings);
  }
  open_.emplace(made.id, Open{std::move(accounts), most});
  return made;
}

std::optional<std::vector<BudgetWarning>> BudgetLedger::settle(ReservationId id, MicroUsd cost) {
  auto const found = open_.extract(id);
  if (found.empty()) return std::nullopt;
  std::vector<BudgetWarning> warnings;
  for (auto const& account : found.mapped().accounts) {
    auto& standing = standings_[account];
    standing.reserved = minus(standing.reserved, found.mapped().most);
    standing.spent = plus(standing.spent, cost);
    warn(account, warnings);
  }
  return warnings;
}

bool BudgetLedger::release(ReservationId id) { return settle(id, MicroUsd{0}).has_value(); }

std::vector<BudgetWarning> BudgetLedger::spend(BudgetOwner const& owner, MicroUsd cost) {
  std::vector<BudgetWarning> warnings;
  for (auto const& account : accounts_of(owner)) {
    auto& standing = standings_[account];
    standing.spent = plus(standing.spent, cost);
    warn(account, warnings);
  }
  return warnings;
}

BudgetLedger::Standing BudgetLedger::standing(BudgetAccount const& account) const {
  auto const found = standings_.find(account);
  return found == standings_.end() ? Standing{} : found->second;
}

std::optional<MicroUsd> BudgetLedger::left(BudgetAccount const& account) const {
  auto const hard = limits_.limit_of(account).hard;
  if (!hard) return std::nullopt;
  return minus(*hard, used(standing(account)));
}

std::optional<MicroUsd> BudgetLedger::left(BudgetOwner const& owner) const {
  std::optional<MicroUsd> least;
  for (auto const& account : accounts_of(owner)) {
    auto const rest = left(account);
    if (rest && (!least || *rest < *least)) least = rest;
  }
  return least;
}

void BudgetLedger::warn(BudgetAccount const& account, std::vector<BudgetWarning>& warnings) {
  auto const soft = limits_.limit_of(account).soft;
  auto& standing = standings_[account];
  if (!soft || standing.warned || used(standing) <= *soft) return;
  standing.warned = true;
  warnings.push_back({account, used(standing), *soft});
}

}  // namespace dalsegno::activities
