#pragma once

#include "dalsegno/activity.h"
#include "dalsegno/payload.h"
#include "dalsegno/workflow.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dalsegno {

/// What an attempt brought back.
struct ActivityReply {
  std::string payload = {};  ///< JSON
  bool is_error =
      false;  ///< a tool that answered with an error: an answer all the same, given to the model
  // Of a model's reply.
  std::string model = {};
  std::string finish = {};
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::uint64_t cached_tokens = 0;
};

/// What a program knows of a tool that it offers.
struct ToolOptions {
  Risk risk = Risk::undeclared;
  bool untrusted = false;      ///< see ActivityOptions::untrusted
  bool honours_route = false;  ///< see ActivityOptions::honours_route
  EffectClass effect = EffectClass::idempotent;
};

/// What a program knows of a model that it offers.
struct ModelOptions {
  bool honours_route = false;  ///< see ActivityOptions::honours_route
};

/// Makes one attempt. Runs on the activity pool; may block; several run at once. Throws
/// ActivityError (or any other exception) when the attempt failed.
using ActivityHandler =
    std::function<ActivityReply(ActivityContext const&, std::string_view input)>;

/// What the far side says of a call that an earlier attempt may have made.
enum class FarSide : std::uint8_t { happened, did_not_happen, unknown };

struct ReconcileReply {
  FarSide says = FarSide::unknown;
  ActivityReply reply = {};  ///< when it happened
  std::string why = {};      ///< when it is unknown; for people
};

/// What a reconciler of an activity with results of type Out gives.
template <class Out>
class Reconciled {
 public:
  [[nodiscard]] static Reconciled happened(Out result) {
    return Reconciled({FarSide::happened, {.payload = to_json<Out>(result)}, {}});
  }
  [[nodiscard]] static Reconciled did_not_happen() {
    return Reconciled({FarSide::did_not_happen, {}, {}});
  }
  [[nodiscard]] static Reconciled unknown(std::string why) {
    return Reconciled({FarSide::unknown, {}, std::move(why)});
  }
  [[nodiscard]] ReconcileReply reply() && { return std::move(reply_); }

 private:
  explicit Reconciled(ReconcileReply reply) : reply_(std::move(reply)) {}
  ReconcileReply reply_;
};

template <>
class Reconciled<void> {
 public:
  [[nodiscard]] static Reconciled happened() {
    return Reconciled({FarSide::happened, {.payload = "null"}, {}});
  }
  [[nodiscard]] static Reconciled did_not_happen() {
    return Reconciled({FarSide::did_not_happen, {}, {}});
  }
  [[nodiscard]] static Reconciled unknown(std::string why) {
    return Reconciled({FarSide::unknown, {}, std::move(why)});
  }
  [[nodiscard]] ReconcileReply reply() && { return std::move(reply_); }

 private:
  explicit Reconciled(ReconcileReply reply) : reply_(std::move(reply)) {}
  ReconcileReply reply_;
};

/// Asks the far side whether it has done what was sent to it under
/// ActivityContext::idempotency_key. Runs on the activity pool, as a part of the next attempt,
/// whose limits of time hold for it too. When it throws, that attempt has failed: it is repeated as
/// the retry policy says, and asks again.
using ReconcileHandler =
    std::function<ReconcileReply(ActivityContext const&, std::string_view input)>;

/// The workflows, activities, models and tools of a program, by name. A later entry of the same
/// name replaces the earlier one. Filled before the runtime starts; not changed afterwards.
class Registry {
 public:
  Registry& add(WorkflowDefinition workflow) {
    auto name = workflow.name;
    workflows_.insert_or_assign(std::move(name), std::move(workflow));
    return *this;
  }

  /// `perform` is callable as Out(ActivityContext const&, In).
  template <class In, class Out, class Perform>
  Registry& add(Activity<In, Out> const& activity, Perform perform) {
    honours_route_.insert_or_assign(std::string(activity.name), activity.options.honours_route);
    activities_.insert_or_assign(
        std::string(activity.name),
        [perform = std::move(perform)](ActivityContext const& context, std::string_view input) {
          auto decoded = from_json<In>(input);
          if (!decoded)
            throw ActivityError(
                "input_mismatch", decoded.error().detail, ActivityError::Retry::forbidden);
          if constexpr (std::is_void_v<Out>) {
            perform(context, std::move(*decoded));
            return ActivityReply{.payload = "null"};
          } else {
            return ActivityReply{.payload = to_json<Out>(perform(context, std::move(*decoded)))};
          }
        });
    return *this;
  }

  /// How the far side of an activity of the class `reconcilable` is asked. `ask` is callable as
  /// Reconciled<Out>(ActivityContext const&, In).
  template <class In, class Out, class Ask>
  Registry& add_reconciler(Activity<In, Out> const& activity, Ask ask) {
    reconcilers_.insert_or_assign(
        std::string(activity.name),
        [ask = std::move(ask)](ActivityContext const& context, std::string_view input) {
          auto decoded = from_json<In>(input);
          if (!decoded)
            throw ActivityError(
                "input_mismatch", decoded.error().detail, ActivityError::Retry::forbidden);
          return Reconciled<Out>(ask(context, std::move(*decoded))).reply();
        });
    return *this;
  }
  Registry& add_tool_reconciler(std::string name, ReconcileHandler ask) {
    tool_reconcilers_.insert_or_assign(std::move(name), std::move(ask));
    return *this;
  }

  /// Models and tools are called by name; "*" serves every name that has no entry of its own.
  Registry& add_model(std::string name, ActivityHandler handler, ModelOptions options = {}) {
    model_options_.insert_or_assign(name, options);
    models_.insert_or_assign(std::move(name), std::move(handler));
    return *this;
  }
  Registry& add_tool(std::string name, ActivityHandler handler, Risk risk = Risk::undeclared) {
    return add_tool(std::move(name), std::move(handler), ToolOptions{.risk = risk});
  }
  Registry& add_tool(std::string name, ActivityHandler handler, ToolOptions options) {
    tool_options_.insert_or_assign(name, options);
    tools_.insert_or_assign(std::move(name), std::move(handler));
    return *this;
  }

  // For the engine; nullptr when there is none.
  [[nodiscard]] WorkflowDefinition const* find_workflow(std::string_view name) const {
    return find(workflows_, name);
  }
  [[nodiscard]] ActivityHandler const* find_activity(std::string_view name) const {
    return find(activities_, name);
  }
  [[nodiscard]] ActivityHandler const* find_model(std::string_view name) const {
    return find_or_any(models_, name);
  }
  [[nodiscard]] ActivityHandler const* find_tool(std::string_view name) const {
    return find_or_any(tools_, name);
  }
  [[nodiscard]] ToolOptions options_of_tool(std::string_view name) const {
    auto const* const options = find_or_any(tool_options_, name);
    return options == nullptr ? ToolOptions{} : *options;
  }
  [[nodiscard]] ModelOptions options_of_model(std::string_view name) const {
    auto const* const options = find_or_any(model_options_, name);
    return options == nullptr ? ModelOptions{} : *options;
  }
  [[nodiscard]] ReconcileHandler const* find_reconciler(std::string_view activity) const {
    return find(reconcilers_, activity);
  }
  [[nodiscard]] ReconcileHandler const* find_tool_reconciler(std::string_view name) const {
    return find_or_any(tool_reconcilers_, name);
  }
  [[nodiscard]] bool honours_route(std::string_view activity) const {
    auto const* const honours = find(honours_route_, activity);
    return honours != nullptr && *honours;
  }

 private:
  template <class T>
  using ByName = std::map<std::string, T, std::less<>>;

  template <class T>
  static T const* find(ByName<T> const& entries, std::string_view name) {
    auto const found = entries.find(name);
    return found == entries.end() ? nullptr : &found->second;
  }
  template <class T>
  static T const* find_or_any(ByName<T> const& entries, std::string_view name) {
    auto const* const own = find(entries, name);
    return own != nullptr ? own : find(entries, "*");
  }

  ByName<WorkflowDefinition> workflows_;
  ByName<ActivityHandler> activities_;
  ByName<ActivityHandler> models_;
  ByName<ActivityHandler> tools_;
  ByName<ToolOptions> tool_options_;
  ByName<ModelOptions> model_options_;
  ByName<bool> honours_route_;  // of activities
  ByName<ReconcileHandler> reconcilers_;
  ByName<ReconcileHandler> tool_reconcilers_;
};

}  // namespace dalsegno
