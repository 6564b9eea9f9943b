#pragma once

// Objects: one session for each key, with a store, an alarm, and methods that are called one at a
// time, in the order in which the calls were recorded.
//
//     ds::Workflow<int> add(ds::Object& cart, Line line) {
//       auto const count = cart.store().get<int>(line.article).value_or(0) + line.count;
//       cart.store().put(line.article, count);
//       cart.alarm().set_after(30min);
//       co_return count;
//     }
//     ds::Workflow<> forget(ds::Object& cart) { cart.end(); co_return; }
//
//     registry.add(ds::define_object("cart").on("add", add).on_alarm(forget).workflow());
//
//     ds::call_object<int>(runtime, {.name = "cart-17"}, "cart", "add", Line{"shoes", 1});
//
// An object begins with its first call and ends when a method says so; a later call begins it anew,
// with an empty store. What it keeps is in its store: nothing else lasts from one call to the next.
// A method may call activities, sleep, and ask other sessions; the next call waits until it is
// done. What a method that fails has stored stays stored.

#include "dalsegno/alarm.h"
#include "dalsegno/keyed_store.h"
#include "dalsegno/payload.h"
#include "dalsegno/runtime.h"
#include "dalsegno/workflow.h"

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dalsegno {

/// What a method is given of the object that it belongs to.
class Object {
 public:
  explicit Object(Context& ctx) : ctx_(ctx), alarm_(ctx) {}
  Object(Object const&) = delete;
  Object& operator=(Object const&) = delete;

  [[nodiscard]] Context& context() { return ctx_; }
  [[nodiscard]] KeyedStore store() { return ctx_.store(); }
  [[nodiscard]] Alarm& alarm() { return alarm_; }
  /// The object's session completes once every call that was recorded is done.
  void end() { ended_ = true; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  Context& ctx_;
  Alarm alarm_;
  bool ended_ = false;
};

namespace detail {

/// Lets calls through one at a time, in the order in which they came.
class Turns {
 public:
  /// From when it is taken until it goes.
  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(turns), number_(turns.next_++) {}
    Turn(Turn const&) = delete;
    Turn& operator=(Turn const&) = delete;
    ~Turn() { turns_.leave(number_); }
    [[nodiscard]] bool has_come() const { return turns_.serving_ == number_; }

   private:
    Turns& turns_;
    std::uint64_t number_;
  };

  [[nodiscard]] bool idle() const { return serving_ == next_; }
  [[nodiscard]] std::uint64_t served() const { return serving_; }

 private:
  void leave(std::uint64_t number) {
    left_.insert(number);
    while (left_.erase(serving_) > 0) ++serving_;
  }

  std::uint64_t next_ = 0;
  std::uint64_t serving_ = 0;
  std::set<std::uint64_t> left_;  // at once, or before their turn came
};

struct ObjectFrame {
  explicit ObjectFrame(Context& ctx) : object(ctx) {}
  Object object;
  Turns turns;
  unsigned failed_alarms = 0;  ///< in a row
};

template <class Out, class In>
Workflow<Out> in_turn(ObjectFrame& frame, Workflow<Out> (*method)(Object&, In), In in) {
  Turns::Turn const turn(frame.turns);
  co_await frame.object.context().until([&turn] { return turn.has_come(); });
  if constexpr (std::is_void_v<Out>) {
    co_await method(frame.object, std::move(in));
  } else {
    co_return co_await method(frame.object, std::move(in));
  }
}

struct ObjectMethod {
  std::string name;
  std::function<UpdateHandler(ObjectFrame&)> take_updates;
  /// Arguments and result are JSON.
  std::function<Workflow<std::string>(ObjectFrame&, std::string)> call;
};

struct ObjectMethods {
  std::vector<ObjectMethod> methods;
  Workflow<> (*on_alarm)(Object&) = nullptr;
};

/// What one session asks of an object: the payload of a signal "dalsegno.call".
struct ObjectCall {
  std::string method;
  std::string arguments;  ///< JSON
  std::string promise;    ///< kept with the result
};
BOOST_DESCRIBE_STRUCT(ObjectCall, (), (method, arguments, promise))
inline constexpr char const* object_signal = "dalsegno.call";

Workflow<std::string> run_object(std::shared_ptr<ObjectMethods const> methods, Context& ctx);
[[nodiscard]] Operation<void> send_to_object(Context& ctx,
                                             std::string const& workflow,
                                             std::string object,
                                             ObjectCall const& call);

}  // namespace detail

/// A kind of objects: a workflow under a name, made of methods.
class ObjectDefinition {
 public:
  explicit ObjectDefinition(std::string name)
      : name_(std::move(name)), methods_(std::make_shared<detail::ObjectMethods>()) {}

  /// A method: arguments that are no In are refused before anything is recorded. A Failure that it
  /// throws goes to who called, and does not end the object.
  template <class Out, class In>
  ObjectDefinition& on(std::string name, Workflow<Out> (*method)(Object&, In)) {
    detail::ObjectMethod made;
    made.name = name;
    made.take_updates = [name, method](detail::ObjectFrame& frame) {
      return frame.object.context().on_update<In>(
          name, [&frame, method](In in) { return detail::in_turn(frame, method, std::move(in)); });
    };
    made.call = [method](detail::ObjectFrame& frame, std::string arguments) {
      return call_erased<Out, In>(frame, method, std::move(arguments));
    };
    methods_->methods.push_back(std::move(made));
    return *this;
  }
  /// What is done when the object's alarm rings, in its turn among the calls. When it throws a
  /// Failure it is tried again after 2, 4, 8 … seconds, six times, and then the object's session
  /// fails.
  ObjectDefinition& on_alarm(Workflow<> (*ring)(Object&)) {
    methods_->on_alarm = ring;
    return *this;
  }
  /// What a Registry takes. Its input is not looked at.
  [[nodiscard]] WorkflowDefinition workflow() const {
    return {name_,
            [methods = std::shared_ptr<detail::ObjectMethods const>(methods_)](
                Context& ctx, std::string const&) { return detail::run_object(methods, ctx); }};
  }

 private:
  template <class Out, class In>
  static Workflow<std::string> call_erased(detail::ObjectFrame& frame,
                                           Workflow<Out> (*method)(Object&, In),
                                           std::string arguments) {
    auto in = from_json<In>(arguments);
    if (!in) throw Failure("payload_mismatch", in.error().detail);
    if constexpr (std::is_void_v<Out>) {
      co_await detail::in_turn(frame, method, std::move(*in));
      co_return "null";
    } else {
      co_return to_json(co_await detail::in_turn(frame, method, std::move(*in)));
    }
  }

  std::string name_;
  std::shared_ptr<detail::ObjectMethods> methods_;
};

[[nodiscard]] inline ObjectDefinition define_object(std::string name) {
  return ObjectDefinition(std::move(name));
}

/// Calls a method of an object from a program (a Runtime or a TestRuntime) and waits for its
/// result; begins the object where there is none. A `key` makes it safe to repeat. Errors: those of
/// Runtime::start_with_update.
template <class Out, class AnyRuntime, class In>
Result<Out> call_object(AnyRuntime& runtime,
                        SessionId const& object,
                        std::string kind,
                        std::string method,
                        In const& arguments,
                        std::string key = {},
                        std::string principal = {}) {
  StartOptions options;
  options.principal = principal;
  options.reuse = Reuse::allow;
  auto result = runtime.start_with_update(
      object,
      std::move(kind),
      "null",
      {std::move(method), to_json(arguments), std::move(key), std::move(principal)},
      std::move(options));
  if (!result) return result.error();
  if constexpr (std::is_void_v<Out>) {
    return {};
  } else {
    return from_json<Out>(*result);
  }
}

/// The same from a workflow, by a message and a promise. Throws (from co_await): PromiseRejected
/// with what the method failed with, MessageFailed, PolicyDenied ("session.signal" for the object's
/// name, and for the object to answer the caller's), Cancelled.
template <class Out, class In>
Workflow<Out> call_object(
    Context& ctx, std::string kind, std::string object, std::string method, In arguments) {
  auto result = ctx.promise<Out>();
  co_await detail::send_to_object(
      ctx, kind, std::move(object), {std::move(method), to_json(arguments), result.token()});
  if constexpr (std::is_void_v<Out>) {
    co_await std::move(result);
  } else {
    co_return co_await std::move(result);
  }
}

}  // namespace dalsegno
