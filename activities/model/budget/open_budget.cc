#include "activities/model/budget/spending.h"
#include "dalsegno/budget.h"
#include "dalsegno/try.h"

#include <cmath>
#include <utility>

namespace dalsegno::model {
namespace {

Result<activities::BudgetLimit> read(std::string const& what, BudgetLimit const& limit) {
  activities::BudgetLimit read;
  for (auto const& usd : {limit.soft_usd, limit.hard_usd})
    if (usd && !(std::isfinite(*usd) && *usd >= 0))
      return Error{Errc::invalid, "the budget of " + what + ": a limit is no amount from 0"};
  if (limit.soft_usd) read.soft = activities::micro_usd(*limit.soft_usd);
  if (limit.hard_usd) read.hard = activities::micro_usd(*limit.hard_usd);
  return read;
}

}  // namespace

Result<std::shared_ptr<activities::Spending>> open_budget(Store const& store,
                                                          Budget const& budget) {
  using activities::BudgetKind;
  activities::BudgetLimits limits;
  TRY(limits.by_kind[BudgetKind::tenant], read("tenants", budget.tenant));
  TRY(limits.by_kind[BudgetKind::workflow], read("workflows", budget.workflow));
  TRY(limits.by_kind[BudgetKind::session], read("sessions", budget.session));
  for (auto const& [tenant, limit] : budget.tenants) {
    TRY(auto const own, read("tenant " + tenant, limit));
    limits.by_account.emplace(activities::BudgetAccount{BudgetKind::tenant, tenant}, own);
  }
  return activities::Spending::open(store.log(), std::move(limits));
}

}  // namespace dalsegno::model
