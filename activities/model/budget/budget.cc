#include "activities/model/budget/budget.h"

#include <cmath>

namespace dalsegno::activities {

namespace {
constexpr double largest = 9'007'199'254'740'992.0;  // 2^53: exact as a double
}  // namespace

MicroUsd micro_usd(double usd) {
  if (std::isnan(usd)) return MicroUsd{static_cast<std::uint64_t>(largest)};
  // What only the double's rounding adds (0.000915 USD are 915.0000000000001) is no millionth more.
  auto const amount = std::ceil(usd * 1e6 - 1e-6);
  if (amount <= 0) return MicroUsd{0};
  return MicroUsd{static_cast<std::uint64_t>(amount < largest ? amount : largest)};
}

double to_usd(MicroUsd amount) {
  return static_cast<double>(static_cast<std::uint64_t>(amount)) / 1e6;
}

std::string_view name_of(BudgetKind kind) {
  switch (kind) {
    case BudgetKind::tenant:
      return "tenant";
    case BudgetKind::workflow:
      return "workflow";
    case BudgetKind::session:
      return "session";
  }
  return "";
}

std::string to_string(BudgetAccount const& account) {
  auto text = std::string(name_of(account.kind)) + " " + account.tenant;
  if (account.kind != BudgetKind::tenant) text += "/" + account.name;
  return text;
}

BudgetLimit BudgetLimits::limit_of(BudgetAccount const& account) const {
  if (auto const own = by_account.find(account); own != by_account.end()) return own->second;
  auto const kind = by_kind.find(account.kind);
  return kind == by_kind.end() ? BudgetLimit{} : kind->second;
}

}  // namespace dalsegno::activities
