#include "engine/schedule/schedule_workflow.h"

#include "dalsegno/errors.h"
#include "engine/schedule/ended_first.h"
#include "engine/schedule/plan.h"
#include "engine/schedule/terminable.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {
namespace {

/// Of the loop, to the next checkpoint.
constexpr std::uint64_t turns_of_a_frame = 50;
/// Checkpoints of a run, to the next one, if nothing runs then.
constexpr std::uint64_t frames_of_a_run = 10;
/// Unread signals that the next run may be given: more are read first.
constexpr std::size_t most_carried = 1'000;
/// Taken in one step: a step that issues too much holds the session.
constexpr int signals_of_a_turn = 50;

using Action = Operation<Json>;

/// A schedule at work, in one frame. Lives in the workflow: it is rebuilt by replay.
class Scheduler {
 public:
  Scheduler(Context& ctx, ScheduleState& state) : ctx_(ctx), state_(state) {}
  Scheduler(Scheduler const&) = delete;
  Scheduler& operator=(Scheduler const&) = delete;

  /// Looks again at the actions that were begun in an earlier frame.
  void adopt() {
    for (auto const& action : state_.running) begin(action, Json());
  }

  /// All that can be done without waiting.
  void work() {
    settle();
    plan();
    backfill();
    while (auto const action = take_ready(state_)) start(*action);
  }

  /// When it goes on by itself; absent: not before something else happens.
  [[nodiscard]] std::optional<Time> wakes_at() const {
    if (room_for_backfill(state_) > 0) return ctx_.now();
    if (occurs(state_) && state_.next) return state_.next->begins.time();
    return std::nullopt;
  }

  [[nodiscard]] EndedFirst<Action> ended_first() {
    std::vector<Action*> actions;
    actions.reserve(actions_.size());
    for (auto& [name, action] : actions_) actions.push_back(&action);
    return EndedFirst<Action>(std::move(actions));
  }

  /// Whether the schedule goes on.
  [[nodiscard]] bool take(Json const& signal) {
    auto const control = from_json<ScheduleControl>(to_json(signal));
    if (!control) {
      refuse(control.error().detail);
      return true;
    }
    if (control->verb == ScheduleControl::Verb::remove) return false;
    if (control->verb == ScheduleControl::Verb::trigger) {
      trigger(control->overlap);
      return true;
    }
    std::string problem;
    if (control->definition) {
      problem = ctx_.record("check", [&] {
        auto const fine = check(*control->definition);
        return fine ? std::string() : fine.error().detail;
      });
    }
    if (auto const why = obey(state_, *control, problem, ctx_.now()); !why.empty()) refuse(why);
    return true;
  }

 private:
  void refuse(std::string const& why) {
    ++state_.counts.refused;
    ctx_.log("a signal was refused: " + why);
  }

  void trigger(std::optional<Overlap> overlap) {
    ++state_.triggers;
    auto const name = ctx_.session().name + "-trigger-" + std::to_string(state_.triggers) + "-" +
                      to_string(ctx_.now());
    offer({name,
           ctx_.now(),
           ScheduleCause::trigger,
           overlap.value_or(state_.definition.policies.overlap)});
  }

  void offer(WaitingAction const& action) {
    switch (admit(state_, action)) {
      case Admission::begins:
        return start(action);
      case Admission::displaces:
        for (auto& [name, other] : actions_) other.cancel();
        return;
      case Admission::waits:
      case Admission::skipped:
        return;
    }
  }

  void start(WaitingAction const& action) {
    RunningAction running;
    running.run = {action.session, action.occurrence, ctx_.now(), action.cause, "running", {}};
    running.child = action.session;
    running.workflow = state_.definition.action.workflow;
    Json input = state_.definition.action.input;
    if (action.overlap == Overlap::terminate_other ||
        state_.definition.policies.overlap == Overlap::terminate_other) {
      input = Json(Json::Object{});
      input.set("workflow", running.workflow).set("session", action.session);
      input.set("input", state_.definition.action.input);
      running.workflow = terminable_workflow;
      running.child += "/terminable";
    }
    if (action.cause == ScheduleCause::occurrence && state_.definition.policies.remaining)
      --*state_.definition.policies.remaining;
    ++state_.counts.started;
    if (actions_.contains(running.child))
      return note_end(state_, running.run, "already_started", "it runs");
    try {
      begin(running, input);
    } catch (Cancelled const&) {
      throw;  // the schedule itself
    } catch (Failure const& failure) {
      return note_end(state_, running.run, failure.type(), failure.what());
    }
    state_.running.push_back(std::move(running));
  }

  void begin(RunningAction const& action, Json const& input) {
    auto child = ctx_.call_child<Json>(action.workflow,
                                       input,
                                       {.id = action.child,
                                        .parent_close = ParentClose::abandon,
                                        .on_cancel = OnCancel::wait})
                     .named("action " + action.child);
    child.begin();
    actions_.emplace(action.child, std::move(child));
  }

  /// Takes note of the actions that have ended.
  void settle() {
    for (std::size_t i = 0; i < state_.running.size();) {
      auto const found = actions_.find(state_.running[i].child);
      if (!found->second.done()) {
        ++i;
        continue;
      }
      auto const run = state_.running[i].run;
      state_.running.erase(state_.running.begin() + static_cast<std::ptrdiff_t>(i));
      try {
        static_cast<void>(found->second.take());
        note_end(state_, run, "completed", {});
      } catch (PolicyDenied const& denied) {
        note_end(state_, run, "denied", denied.what());
      } catch (ChildFailed const& failed) {
        bool const known = failed.type() == "conflict";
        note_end(state_, run, known ? "already_started" : failed.type(), failed.what());
      } catch (Failure const& failed) {
        note_end(state_, run, failed.type(), failed.what());
      }
      actions_.erase(found);
    }
  }

  void plan() {
    if (!state_.considered) state_.considered = ctx_.now();
    if (!occurs(state_)) return;
    if (state_.planned && (!state_.next || state_.next->begins.time() > ctx_.now())) return;
    auto const& definition = state_.definition;
    auto const plan = ctx_.record("plan", [&] {
      return make_plan(ctx_.session().name,
                       definition.spec,
                       state_.considered->time(),
                       ctx_.now(),
                       {.catch_up = std::chrono::seconds(definition.policies.catch_up.seconds)});
    });
    if (!plan.problem.empty()) {
      state_.paused = true;
      state_.note = "paused by itself, as its times cannot be computed here: " + plan.problem;
      return;
    }
    state_.considered = plan.considered;
    state_.next = plan.next;
    state_.planned = true;
    state_.zone_data = plan.zone_data;
    state_.counts.missed += plan.missed;
    for (auto const& occurrence : plan.due) {
      if (!occurs(state_)) break;
      offer({session_of(ctx_.session().name, occurrence.time()),
             occurrence,
             ScheduleCause::occurrence,
             definition.policies.overlap});
    }
  }

  void backfill() {
    auto const room = room_for_backfill(state_);
    if (room == 0) return;
    auto const asked = state_.backfills.front();
    auto const plan = ctx_.record("backfill", [&] {
      return plan_backfill(state_.definition.spec, asked.from.time(), asked.to.time(), room);
    });
    if (!plan.problem.empty()) refuse(plan.problem);
    if (plan.done) {
      state_.backfills.erase(state_.backfills.begin());
    } else {
      state_.backfills.front().from = plan.due.back().time() + std::chrono::microseconds(1);
    }
    for (auto const& occurrence : plan.due) {
      offer({session_of(ctx_.session().name, occurrence.time()),
             occurrence,
             ScheduleCause::backfill,
             asked.overlap});
    }
  }

  Context& ctx_;
  ScheduleState& state_;
  std::map<std::string, Action> actions_;  // by the child's name
};

/// What came in since, or nothing.
using Happened = std::optional<Json>;

/// Waits until an action has ended, a signal has come, or it is time.
Workflow<Happened> wait(Context& ctx, Scheduler& scheduler) {
  auto signal = ctx.receive<Json>("*");
  if (auto const due = scheduler.wakes_at()) {
    auto happened =
        co_await ctx.any(scheduler.ended_first(), std::move(signal), ctx.sleep_until(*due));
    if (happened.index() == 1) co_return std::get<1>(std::move(happened));
  } else {
    auto happened = co_await ctx.any(scheduler.ended_first(), std::move(signal));
    if (happened.index() == 1) co_return std::get<1>(std::move(happened));
  }
  co_return std::nullopt;
}

}  // namespace

Workflow<ScheduleCounts> run_schedule(Context& ctx, ScheduleState state) {
  auto const described = ctx.on_query("describe", [&state] { return describe(state); });
  co_await ctx.checkpoint(state);  // does nothing: what follows may be commands
  if (!state.considered) {
    auto const problem = ctx.record("check", [&state] {
      auto const fine = check(state.definition);
      return fine ? std::string() : fine.error().detail;
    });
    if (!problem.empty()) throw Failure("invalid", problem);
  }
  Scheduler scheduler(ctx, state);
  scheduler.adopt();
  for (;;) {
    scheduler.work();
    if (++state.turns >= turns_of_a_frame) {
      state.turns = 0;
      if (++state.frames >= frames_of_a_run && state.running.empty() &&
          ctx.unread_signals() <= most_carried) {
        state.frames = 0;
        co_await ctx.continue_as_new(state);
      }
      co_await ctx.checkpoint(state);
    }
    auto signal = co_await wait(ctx, scheduler);
    for (int taken = 1; signal; ++taken) {
      if (!scheduler.take(*signal)) co_return state.counts;
      if (ctx.unread_signals() == 0) break;
      if (taken == signals_of_a_turn) {
        co_await ctx.sleep(std::chrono::microseconds(0));  // a step of its own
        break;
      }
      signal = co_await ctx.receive<Json>("*");
    }
  }
}

}  // namespace dalsegno::engine
