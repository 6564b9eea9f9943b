#pragma once

#include "activities/model/budget/ledger.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"

#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace dalsegno::activities {

/// The ledger of a program: all its models pay from it. Thread: any.
class Spending {
 public:
  explicit Spending(BudgetLimits limits) : ledger_(std::move(limits)) {}

  /// One that begins with what the calls in the log have cost, of all sessions and their runs. What
  /// was erased is not counted. Reads the whole log. Errors: those of the log.
  [[nodiscard]] static Result<std::shared_ptr<Spending>> open(storage::EventLog const& log,
                                                              BudgetLimits limits);

  // As in BudgetLedger.
  [[nodiscard]] std::expected<Reservation, BudgetRefusal> reserve(BudgetOwner const& owner,
                                                                  MicroUsd most);
  std::vector<BudgetWarning> settle(ReservationId id, MicroUsd cost);
  void release(ReservationId id);
  void spend(BudgetOwner const& owner, MicroUsd cost);
  [[nodiscard]] std::optional<MicroUsd> left(BudgetOwner const& owner) const;

 private:
  mutable std::mutex mutex_;
  BudgetLedger ledger_;  // guarded by mutex_
};

}  // namespace dalsegno::activities
