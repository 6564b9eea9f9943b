#pragma once

// What calls of models may spend (docs/models.md, "Budgets").
//
//   auto budget = ds::model::open_budget(store, {.session = {.soft_usd = 0.5, .hard_usd = 1}});
//   options.spending = *budget;   // of every model that pays from it

#include "dalsegno/result.h"
#include "dalsegno/store.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace dalsegno::activities {
class Spending;
}

namespace dalsegno::model {

/// USD, from 0.
struct BudgetLimit {
  std::optional<double> soft_usd = {};  ///< beyond it the call's record says so, once
  std::optional<double> hard_usd = {};  ///< a call that might go beyond it is not made
};

/// What each tenant, each workflow of a tenant and each session may spend over its whole life.
struct Budget {
  BudgetLimit tenant = {};
  BudgetLimit workflow = {};
  BudgetLimit session = {};
  std::map<std::string, BudgetLimit> tenants = {};  ///< in place of `tenant`, by name
};

/// A ledger that begins with what the calls in the store's log have cost: reads all of it. Before a
/// call the most that it should cost is set aside in all three accounts, or it fails with
/// "budget_exhausted"; after it what it cost is spent and the rest given back. So hard limits hold
/// for calls side by side. Foreseen is a quarter more than our count of the prompt's tokens, and
/// Options::max_tokens (4,096 without) for the answer; what a call costs beyond that is spent all
/// the same, and the next one is refused. Calls without a price cost nothing.
/// The ledger is this process's: others that work for the same tenant are not seen until it opens
/// again. Errors: Errc::invalid for a limit that is negative or no number; those of the log.
[[nodiscard]] Result<std::shared_ptr<activities::Spending>> open_budget(Store const& store,
                                                                        Budget const& budget);

}  // namespace dalsegno::model
