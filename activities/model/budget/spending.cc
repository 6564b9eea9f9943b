#include "activities/model/budget/spending.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "storage/log/chain.h"

#include <set>
#include <string>
#include <utility>
#include <variant>

namespace dalsegno::activities {
namespace {

/// What the record of a call, or of an attempt that failed, says that it cost (docs/models.md,
/// "What is recorded"); 0 where it says nothing.
MicroUsd recorded_cost(std::string const& result) {
  auto const reply = parse_json(result);
  if (!reply) return {};
  auto const* const call = reply->find("call");
  auto const* const cost = call == nullptr ? nullptr : call->find("cost");
  auto const* const usd = cost == nullptr ? nullptr : cost->find("usd");
  auto const amount = usd == nullptr ? std::optional<double>() : usd->as_double();
  return amount ? micro_usd(*amount) : MicroUsd{};
}

struct RunCost {
  MicroUsd usd{0};
  std::optional<RunId> before;  ///< the run that it follows
  std::string workflow;
};

/// Where the end of a model call's attempt says what that cost.
storage::Payload const* record_in(storage::EventBody const& body) {
  if (auto const* const completed = std::get_if<storage::ModelCompleted>(&body))
    return &completed->result;
  auto const* const failed = std::get_if<storage::AttemptFailed>(&body);
  return failed == nullptr ? nullptr : &failed->heartbeat;
}

Result<RunCost> cost_of(storage::EventLog const& log, SessionId const& session, RunId const& run) {
  RunCost found;
  std::set<OperationId> models;
  Result<> outcome;
  TRY_VOID(storage::read_verified(
      log, session, run, 1, storage::Reading::show, [&](storage::DecodedStep const& step) {
        for (auto const& event : step.step.events) {
          if (auto const* const started = std::get_if<storage::SessionStarted>(&event.body)) {
            found.before = started->follows;
            found.workflow = started->workflow;
          }
          if (auto const* const asked = std::get_if<storage::OperationRequested>(&event.body);
              asked != nullptr && asked->kind == storage::OperationKind::model)
            models.insert(event.operation);
          auto const* const record =
              models.contains(event.operation) ? record_in(event.body) : nullptr;
          if (record == nullptr) continue;
          auto bytes = record->artifact ? log.artifact(session, record->artifact->digest)
                                        : Result<std::string>(record->bytes);
          if (bytes)
            found.usd = MicroUsd{static_cast<std::uint64_t>(found.usd) +
                                 static_cast<std::uint64_t>(recorded_cost(*bytes))};
          else if (bytes.error().code != Errc::not_found)
            outcome = bytes.error();
          if (!outcome) return false;
        }
        return true;
      }));
  if (!outcome) return outcome.error();
  return found;
}

}  // namespace

Result<std::shared_ptr<Spending>> Spending::open(storage::EventLog const& log,
                                                 BudgetLimits limits) {
  auto spending = std::make_shared<Spending>(std::move(limits));
  std::vector<std::pair<SessionId, RunId>> sessions;
  TRY_VOID(log.scan_heads([&](SessionId const& id, storage::Head const& head) {
    sessions.emplace_back(id, head.run);
    return true;
  }));
  for (auto const& [session, newest] : sessions) {
    std::optional<RunId> run = newest;
    while (run) {
      TRY(auto const cost, cost_of(log, session, *run));
      spending->spend({session.tenant, cost.workflow, session.name}, cost.usd);
      run = cost.before;
    }
  }
  return spending;
}

std::expected<Reservation, BudgetRefusal> Spending::reserve(BudgetOwner const& owner,
                                                            MicroUsd most) {
  std::lock_guard const lock(mutex_);
  return ledger_.reserve(owner, most);
}

std::vector<BudgetWarning> Spending::settle(ReservationId id, MicroUsd cost) {
  std::lock_guard const lock(mutex_);
  return ledger_.settle(id, cost).value_or(std::vector<BudgetWarning>());
}

void Spending::release(ReservationId id) {
  std::lock_guard const lock(mutex_);
  ledger_.release(id);
}

void Spending::spend(BudgetOwner const& owner, MicroUsd cost) {
  std::lock_guard const lock(mutex_);
  ledger_.spend(owner, cost);
}

std::optional<MicroUsd> Spending::left(BudgetOwner const& owner) const {
  std::lock_guard const lock(mutex_);
  return ledger_.left(owner);
}

}  // namespace dalsegno::activities
