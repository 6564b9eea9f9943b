#include "engine/schedule/terminable.h"

#include "engine/schedule/ended_first.h"

namespace dalsegno::engine {
namespace {

Workflow<Json> hold(Context& ctx, Terminable asked) {
  co_return co_await ctx.call_child<Json>(
      asked.workflow, asked.input, {.id = asked.session, .parent_close = ParentClose::terminate});
}

}  // namespace

Workflow<Json> run_terminable(Context& ctx, Terminable asked) {
  // In a shield, so that a request to cancel this session does not reach the child as one: it is
  // open when the run ends, and terminated then.
  auto action = ctx.shield(hold(ctx, std::move(asked)));
  while (!action.done()) {
    static_cast<void>(co_await ctx.any(EndedFirst(std::vector{&action}), ctx.receive<Json>("*")));
  }
  co_return action.take();
}

}  // namespace dalsegno::engine
