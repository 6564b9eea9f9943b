#pragma once

#include "activities/model/budget/budget.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace dalsegno::activities {

enum class ReservationId : std::uint64_t {};

/// An account has gone beyond its soft limit; said once.
struct BudgetWarning {
  BudgetAccount account;
  MicroUsd used{0};  ///< spent and reserved
  MicroUsd soft{0};

  friend bool operator==(BudgetWarning const&, BudgetWarning const&) = default;
};

/// Money set aside for a call.
struct Reservation {
  ReservationId id{};
  std::vector<BudgetWarning> warnings = {};
};

/// Why nothing was set aside: the first account, of tenant, workflow, session, that has too little.
struct BudgetRefusal {
  BudgetAccount account;
  MicroUsd asked{0};
  MicroUsd left{0};

  friend bool operator==(BudgetRefusal const&, BudgetRefusal const&) = default;
};

/// What calls may spend, of the budgets of their tenant, workflow and session. Before a call its
/// most is set aside in all three or in none; after it, what it cost is spent and the rest given
/// back. So calls that run side by side stay within a hard limit together, as long as none costs
/// more than was set aside for it. What it costs is spent all the same, and the next call refused.
///
/// Pure: no clock, no disk. It begins with what the log says was spent (`spend`).
/// Thread: one at a time.
class BudgetLedger {
 public:
  explicit BudgetLedger(BudgetLimits limits) : limits_(std::move(limits)) {}

  struct Standing {
    MicroUsd spent{0};
    MicroUsd reserved{0};
    bool warned = false;

    friend bool operator==(Standing const&, Standing const&) = default;
  };

  /// Sets `most` aside. A call that may cost nothing is refused only by accounts that are used up.
  [[nodiscard]] std::expected<Reservation, BudgetRefusal> reserve(BudgetOwner const& owner,
                                                                  MicroUsd most);
  /// The call is over and cost `cost`. Nothing when there is no such reservation (any more).
  std::optional<std::vector<BudgetWarning>> settle(ReservationId id, MicroUsd cost);
  /// The call was not made.
  bool release(ReservationId id);
  /// Was spent before, or by somebody who did not ask.
  std::vector<BudgetWarning> spend(BudgetOwner const& owner, MicroUsd cost);

  [[nodiscard]] Standing standing(BudgetAccount const& account) const;
  /// What may still be set aside; nothing: no limit.
  [[nodiscard]] std::optional<MicroUsd> left(BudgetAccount const& account) const;
  /// The least that is left of the three accounts.
  [[nodiscard]] std::optional<MicroUsd> left(BudgetOwner const& owner) const;
  [[nodiscard]] std::size_t open_reservations() const { return open_.size(); }

 private:
  using Accounts = std::array<BudgetAccount, 3>;
  struct Open {
    Accounts accounts;
    MicroUsd most{0};
  };

  [[nodiscard]] static Accounts accounts_of(BudgetOwner const& owner);
  void warn(BudgetAccount const& account, std::vector<BudgetWarning>& warnings);

  BudgetLimits limits_;
  std::map<BudgetAccount, Standing> standings_;
  std::map<ReservationId, Open> open_;
  std::uint64_t last_id_ = 0;
};

}  // namespace dalsegno::activities
