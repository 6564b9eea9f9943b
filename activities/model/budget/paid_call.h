#pragma once

#include "activities/model/budget/spending.h"
#include "activities/model/price_table.h"
#include "dalsegno/json.h"

#include <optional>
#include <string>
#include <vector>

namespace dalsegno::activities {

/// The money of one call: set aside before it, spent after it, given back if nobody knows that it
/// cost anything.
class PaidCall {
 public:
  /// `spending`: null where there are no budgets; everything is permitted then.
  PaidCall(Spending* spending, BudgetOwner owner) : spending_(spending), owner_(std::move(owner)) {}
  ~PaidCall();
  PaidCall(PaidCall const&) = delete;
  PaidCall& operator=(PaidCall const&) = delete;

  /// Sets the most that the call should cost aside. Without a price nothing is, and only accounts
  /// that are used up refuse. Returns why the call may not be made.
  [[nodiscard]] std::optional<std::string> reserve(std::optional<Cost> const& most);
  /// What the record says of it: {"left_usd", "warnings"}; null without budgets. A call without a
  /// known cost has cost nothing.
  [[nodiscard]] Json settle(std::optional<Cost> const& cost);

 private:
  Spending* spending_;
  BudgetOwner owner_;
  std::optional<ReservationId> reserved_;
  std::vector<BudgetWarning> warnings_;
};

}  // namespace dalsegno::activities
