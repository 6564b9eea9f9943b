#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::activities {

/// An amount of money in millionths of a US dollar: sums are exact.
enum class MicroUsd : std::uint64_t {};

/// The amount that is at least `usd`: an estimate is never rounded down. Negative: nothing. What is
/// not finite or beyond 2^53 is 2^53.
[[nodiscard]] MicroUsd micro_usd(double usd);
[[nodiscard]] double to_usd(MicroUsd amount);

/// Whose money a call spends.
enum class BudgetKind : std::uint8_t { tenant, workflow, session };
[[nodiscard]] std::string_view name_of(BudgetKind kind);

/// One pot of money. Workflows and sessions are those of a tenant.
struct BudgetAccount {
  BudgetKind kind = BudgetKind::tenant;
  std::string tenant;
  std::string name = {};  ///< of the workflow or session; "" for a tenant

  friend auto operator<=>(BudgetAccount const&, BudgetAccount const&) = default;
};

/// "tenant acme", "workflow acme/agent": for people.
[[nodiscard]] std::string to_string(BudgetAccount const& account);

/// Whose call it is: it is paid from three accounts at once.
struct BudgetOwner {
  std::string tenant;
  std::string workflow;
  std::string session;
};

struct BudgetLimit {
  std::optional<MicroUsd> soft = {};  ///< beyond it somebody is told
  std::optional<MicroUsd> hard = {};  ///< nothing goes beyond it

  friend bool operator==(BudgetLimit const&, BudgetLimit const&) = default;
};

/// How much each account has. One that is not named has what its kind has.
struct BudgetLimits {
  std::map<BudgetKind, BudgetLimit> by_kind = {};
  std::map<BudgetAccount, BudgetLimit> by_account = {};

  [[nodiscard]] BudgetLimit limit_of(BudgetAccount const& account) const;
};

}  // namespace dalsegno::activities
