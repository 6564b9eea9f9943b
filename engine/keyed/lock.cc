#include "dalsegno/lock.h"

#include "engine/keyed/bare_messages.h"
#include "engine/keyed/lock_workflow.h"

#include <utility>
#include <variant>

namespace dalsegno {

namespace {

using engine::LockAnswer;
using engine::LockAsk;

constexpr std::size_t longest_name = 150;

/// A session that has a lock, or wants it, tells the lock so; where nobody has it, the lock's
/// session begins with that.
Operation<void> tell(Context& ctx, std::string const& name, LockAsk const& ask, bool begins) {
  if (name.empty() || name.size() > longest_name)
    throw Failure("invalid",
                  "the name of a lock has 1 to " + std::to_string(longest_name) + " bytes, not " +
                      std::to_string(name.size()));
  auto const asked = to_json(ask);
  if (!begins)
    return detail::BareMessages::send(
        ctx, {detail::Ask::signal, "lock/" + name, engine::lock_signal, {}, {}, asked});
  return detail::BareMessages::send(
      ctx,
      {detail::Ask::signal,
       "lock/" + name,
       engine::lock_signal,
       engine::lock_workflow,
       {},
       "{\"input\":" + to_json(engine::LockState{}) + ",\"signal\":" + asked + '}'});
}

/// Says that nobody waits any more; if the lock has ended meanwhile, so much the better.
Workflow<> leave(Context& ctx, std::string name, std::string promise) {
  LockAsk gone;
  gone.verb = LockAsk::Verb::leave;
  gone.session = ctx.session().name;
  gone.promise = std::move(promise);
  try {
    co_await tell(ctx, name, gone, false);
  } catch (MessageFailed const&) {  // NOLINT(bugprone-empty-catch): there is nobody to tell
  }
}

std::optional<Lock> lock_of(std::string name, LockAnswer const& answer) {
  if (answer.fence == 0) return std::nullopt;
  return Lock{std::move(name), answer.fence, answer.until_us};
}

}  // namespace

void add_locks(Registry& registry) {
  registry.add(define_workflow(engine::lock_workflow, engine::run_lock));
}

Workflow<std::optional<Lock>> acquire_lock(Context& ctx, std::string name, LockOptions options) {
  auto given = ctx.promise<LockAnswer>();
  LockAsk ask;
  ask.session = ctx.session().name;
  ask.promise = given.token();
  ask.lease_ms = options.lease.count();
  bool cancelled = false;
  try {
    co_await tell(ctx, name, ask, true);
    if (!options.wait) {
      auto const answer = co_await std::move(given);
      co_return lock_of(name, answer);
    }
    auto const first = co_await ctx.any(std::move(given), ctx.sleep(*options.wait));
    if (auto const* const answer = std::get_if<0>(&first)) co_return lock_of(name, *answer);
  } catch (Cancelled const&) {
    cancelled = true;
  }
  if (!cancelled) {
    co_await leave(ctx, std::move(name), std::move(ask.promise));
    co_return std::nullopt;
  }
  co_await ctx.shield(leave(ctx, std::move(name), std::move(ask.promise)));
  throw Cancelled("while it waited for the lock");
}

Workflow<std::optional<Lock>> renew_lock(Context& ctx, Lock held, std::chrono::milliseconds lease) {
  auto prolonged = ctx.promise<LockAnswer>();
  LockAsk ask;
  ask.verb = LockAsk::Verb::renew;
  ask.session = ctx.session().name;
  ask.promise = prolonged.token();
  ask.lease_ms = lease.count();
  ask.fence = held.fence;
  try {
    co_await tell(ctx, held.name, ask, false);
  } catch (MessageFailed const& failed) {
    if (failed.type() == "ended" || failed.type() == "not_found") co_return std::nullopt;
    throw;
  }
  // A lock that ends in between has nobody who holds it.
  auto const answer = co_await std::move(prolonged);
  co_return lock_of(std::move(held.name), answer);
}

Workflow<> release_lock(Context& ctx, Lock held) {
  LockAsk ask;
  ask.verb = LockAsk::Verb::release;
  ask.session = ctx.session().name;
  ask.fence = held.fence;
  try {
    co_await tell(ctx, held.name, ask, false);
  } catch (MessageFailed const& failed) {
    if (failed.type() != "ended" && failed.type() != "not_found") throw;
  }
}

}  // namespace dalsegno
