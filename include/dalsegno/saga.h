#pragma once

// Sagas: several steps that each can be undone, of which all are done or none stays done.
//
//     ds::Workflow<std::string> book(ds::Context& ctx, Trip trip) {
//       co_return co_await ds::run_saga<std::string>(ctx, [&ctx, trip](ds::Saga& saga) {
//         return book_all(ctx, saga, trip);
//       });
//     }
//     ds::Workflow<std::string> book_all(ds::Context& ctx, ds::Saga& saga, Trip trip) {
//       auto const flight = co_await ctx.call(book_flight, trip);
//       saga.undo_with(cancel_flight, flight);
//       auto const hotel = co_await ctx.call(book_hotel, trip);
//       saga.undo_with(cancel_hotel, hotel);
//       co_return flight + " and " + hotel;
//     }

#include "dalsegno/errors.h"
#include "dalsegno/workflow.h"

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dalsegno {

/// A step could not be undone.
struct FailedCompensation {
  std::string name;  ///< of the compensation
  std::string type;  ///< of its failure
  std::string message;
};

/// A saga failed, and what it had done could not all be undone; the rest was. The type is
/// "compensation_failed"; the message names the saga's own failure and each compensation that
/// failed.
class CompensationFailed : public Failure {
 public:
  CompensationFailed(Failure const& cause, std::vector<FailedCompensation> failed);

  /// Why the saga failed: the type of that failure.
  [[nodiscard]] std::string const& cause() const { return cause_; }
  /// In the order in which they were tried.
  [[nodiscard]] std::vector<FailedCompensation> const& failed() const { return failed_; }

 private:
  std::string cause_;
  std::vector<FailedCompensation> failed_;
};

/// What undoes the steps that were done so far. Lives in the workflow: it is rebuilt by replay. Do
/// not take a checkpoint or continue as new while one is at work.
class Saga {
 public:
  explicit Saga(Context& ctx) : ctx_(ctx) {}
  Saga(Saga const&) = delete;
  Saga& operator=(Saga const&) = delete;

  /// A step was done; this activity undoes it. It is durable, and retried as its options say.
  template <class In, class Out, std::convertible_to<In> Arg>
  void undo_with(Activity<In, Out> const& activity, Arg&& input) {
    undo(std::string(activity.name),
         [activity, input = static_cast<In>(std::forward<Arg>(input))](Context& ctx) {
           return call_once(ctx, activity, input);
         });
  }
  /// The same with any workflow; `make` gives it when it is time. `make` itself issues no commands.
  void undo(std::string name, std::function<Workflow<>(Context&)> make);

  /// Undoes all steps, the last one first, out of reach of a request to cancel the session. Those
  /// that failed are in the result; the rest is undone all the same. For those who do not use
  /// run_saga.
  [[nodiscard]] Workflow<std::vector<FailedCompensation>> compensate();

 private:
  template <class In, class Out>
  static Workflow<> call_once(Context& ctx, Activity<In, Out> activity, In input) {
    static_cast<void>(co_await ctx.call(activity, std::move(input)));
  }

  struct Step {
    std::string name;
    std::function<Workflow<>(Context&)> make;
  };
  static Workflow<std::vector<FailedCompensation>> undo_all(Context& ctx, std::vector<Step> steps);

  Context& ctx_;
  std::vector<Step> steps_;
};

/// Runs `steps`. When they fail, what they registered with the saga is undone, the last step first,
/// and the failure is thrown again; CompensationFailed where that did not all succeed. A request to
/// cancel the session is such a failure. What is no Failure is a bug: nothing is undone, the
/// session is held.
template <class T>
Workflow<T> run_saga(Context& ctx, std::function<Workflow<T>(Saga&)> steps) {
  Saga saga(ctx);
  std::exception_ptr failure;
  std::optional<Failure> cause;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await steps(saga);
      co_return;
    } else {
      co_return co_await steps(saga);
    }
  } catch (Failure const& failed) {
    failure = std::current_exception();
    cause.emplace(failed);
  }
  auto unfinished = co_await saga.compensate();
  if (!unfinished.empty()) throw CompensationFailed(*cause, std::move(unfinished));
  std::rethrow_exception(failure);
}

}  // namespace dalsegno
