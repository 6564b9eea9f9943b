#include "dalsegno/object.h"

#include "dalsegno/json.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace dalsegno::detail {

namespace {

/// So many calls before a checkpoint; it waits until none is under way.
constexpr std::uint64_t calls_per_checkpoint = 100;

/// An object's frame keeps nothing.
constexpr std::optional<bool> nothing;

constexpr unsigned most_alarm_retries = 6;
constexpr std::chrono::seconds first_alarm_retry{2};

/// What fails is tried again, later and later; after the last time the object's session fails.
Workflow<> rang(ObjectFrame& frame, Workflow<> (*on_alarm)(Object&)) {
  Turns::Turn const turn(frame.turns);
  co_await frame.object.context().until([&turn] { return turn.has_come(); });
  if (on_alarm == nullptr) co_return;
  try {
    co_await on_alarm(frame.object);
    frame.failed_alarms = 0;
  } catch (Cancelled const&) {
    throw;
  } catch (Failure const&) {
    if (frame.failed_alarms == most_alarm_retries) throw;
    auto& alarm = frame.object.alarm();
    if (!alarm.due()) alarm.set_after(first_alarm_retry * (1U << frame.failed_alarms));
    ++frame.failed_alarms;
  }
}

/// A call from another session: the one that calls is told, and if it is gone nobody is.
Workflow<> answer(ObjectFrame& frame, ObjectMethods const& methods, ObjectCall call) {
  auto& ctx = frame.object.context();
  std::string result;
  std::optional<Failure> failed;
  try {
    auto const found = std::ranges::find(methods.methods, call.method, &ObjectMethod::name);
    if (found == methods.methods.end())
      throw Failure("not_found", "the object has no method \"" + call.method + '"');
    result = co_await found->call(frame, std::move(call.arguments));
  } catch (Cancelled const&) {
    throw;
  } catch (Failure const& failure) {
    failed = failure;
  }
  try {
    if (failed) {
      co_await ctx.reject(std::move(call.promise), failed->type(), failed->what());
    } else {
      co_await ctx.resolve(std::move(call.promise), *parse_json(result));
    }
  } catch (Cancelled const&) {
    throw;
  } catch (Failure const&) {  // NOLINT(bugprone-empty-catch): its log says why it was not told
  }
}

}  // namespace

Operation<void> send_to_object(Context& ctx,
                               std::string const& workflow,
                               std::string object,
                               ObjectCall const& call) {
  return ctx.signal_or_start(std::move(object), workflow, nothing, object_signal, call);
}

Workflow<std::string> run_object(std::shared_ptr<ObjectMethods const> methods, Context& ctx) {
  co_await ctx.checkpoint(nothing);
  ObjectFrame frame(ctx);
  std::vector<UpdateHandler> handlers;
  handlers.reserve(methods->methods.size());
  for (auto const& method : methods->methods) handlers.push_back(method.take_updates(frame));
  auto const rests = [&ctx, &frame] {
    return frame.turns.idle() && ctx.unread_signals() == 0 &&
           (frame.object.ended() || frame.turns.served() >= calls_per_checkpoint);
  };
  for (;;) {
    auto first = co_await ctx.any(ctx.receive<ObjectCall>(object_signal),
                                  ctx.spawn(frame.object.alarm().rings()),
                                  ctx.until(rests));
    if (auto* const call = std::get_if<0>(&first))
      co_await answer(frame, *methods, std::move(*call));
    if (first.index() == 1) co_await rang(frame, methods->on_alarm);
    if (first.index() == 2) break;
  }
  if (frame.object.ended()) co_return "null";
  co_await ctx.checkpoint(nothing);
  co_return "null";
}

}  // namespace dalsegno::detail
