#include "engine/keyed/lock_workflow.h"

#include "engine/keyed/bare_messages.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dalsegno::engine {

namespace {

/// So many requests are dealt with before a checkpoint.
constexpr unsigned requests_per_checkpoint = 100;

/// So long a lock stays that nobody has. What it gives after that is higher than all before it, as
/// log time has gone on: no more than one in a microsecond are given.
constexpr std::chrono::microseconds time_in_which_it_is_asked_again = std::chrono::minutes(1);

std::int64_t microseconds(Time time) { return time.time_since_epoch().count(); }

Operation<void> answer(Context& ctx, std::string promise, LockAnswer const& said) {
  return detail::BareMessages::send(
      ctx, {detail::Ask::resolve, {}, {}, {}, std::move(promise), to_json(said)});
}

std::int64_t end_of_lease(Context const& ctx, std::int64_t lease_ms) {
  constexpr std::int64_t longest = std::chrono::milliseconds(std::chrono::hours(24 * 365)).count();
  return microseconds(ctx.now()) + std::clamp<std::int64_t>(lease_ms, 1, longest) * 1'000;
}

/// The first that waits gets it, if nobody has it.
Workflow<> give_to_next(Context& ctx, LockState& state) {
  while (!state.holder && !state.waiting.empty()) {
    auto next = std::move(state.waiting.front());
    state.waiting.erase(state.waiting.begin());
    // Also higher than what an earlier run of this session gave.
    state.fence = std::max(state.fence + 1, static_cast<std::uint64_t>(microseconds(ctx.now())));
    state.holder = LockHolder{std::move(next.session),
                              std::move(next.promise),
                              state.fence,
                              end_of_lease(ctx, next.lease_ms)};
    bool gone = false;
    try {
      co_await answer(ctx, state.holder->promise, {state.fence, state.holder->until_us});
    } catch (MessageFailed const&) {
      gone = true;
    } catch (PolicyDenied const&) {
      gone = true;
    }
    if (gone) state.holder.reset();
  }
}

Workflow<> deal_with(Context& ctx, LockState& state, LockAsk ask) {
  bool const holds =
      state.holder && (ask.verb == LockAsk::Verb::leave ? state.holder->promise == ask.promise
                                                        : state.holder->fence == ask.fence);
  switch (ask.verb) {
    case LockAsk::Verb::acquire:
      state.waiting.push_back({std::move(ask.session), std::move(ask.promise), ask.lease_ms});
      break;
    case LockAsk::Verb::renew: {
      LockAnswer said;
      if (holds) {
        state.holder->until_us = end_of_lease(ctx, ask.lease_ms);
        said = {state.holder->fence, state.holder->until_us};
      }
      try {
        co_await answer(ctx, std::move(ask.promise), said);
      } catch (MessageFailed const&) {  // NOLINT(bugprone-empty-catch): who asked is gone
      } catch (PolicyDenied const&) {   // NOLINT(bugprone-empty-catch): nobody may be told
      }
      break;
    }
    case LockAsk::Verb::release:
      if (holds) state.holder.reset();
      break;
    case LockAsk::Verb::leave:
      if (holds) state.holder.reset();
      std::erase_if(state.waiting,
                    [&](LockWaiter const& waiter) { return waiter.promise == ask.promise; });
      break;
  }
}

}  // namespace

Workflow<> run_lock(Context& ctx, LockState state) {
  co_await ctx.checkpoint(state);
  auto const describe = ctx.on_query("describe", [&state] { return state; });
  for (unsigned dealt_with = 0; dealt_with < requests_per_checkpoint; ++dealt_with) {
    co_await give_to_next(ctx, state);
    std::chrono::microseconds left = time_in_which_it_is_asked_again;
    if (state.holder)
      left = std::chrono::microseconds(
          std::max<std::int64_t>(state.holder->until_us - microseconds(ctx.now()), 0));
    auto ask = co_await ctx.receive<LockAsk>(lock_signal, left);
    if (ask) {
      co_await deal_with(ctx, state, std::move(*ask));
    } else if (state.holder) {
      state.holder.reset();  // its lease has ended
    } else if (ctx.unread_signals() == 0) {
      co_return;
    }
  }
  co_await ctx.checkpoint(state);
}

}  // namespace dalsegno::engine
