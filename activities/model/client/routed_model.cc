#include "activities/model/client/routed_model.h"

#include "activities/model/budget/spending.h"
#include "activities/model/client/conversation_log.h"
#include "activities/model/client/model_activity.h"
#include "activities/model/client/prompt_blocks.h"
#include "activities/model/client/served_model.h"
#include "activities/model/routing/complexity.h"
#include "activities/model/routing/route.h"
#include "activities/model/routing/route_json.h"
#include "dalsegno/errors.h"
#include "dalsegno/try.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace dalsegno::activities {
namespace {

Time now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// Expected of an answer, where nobody says how long it may be.
constexpr std::uint64_t usual_output_tokens = 500;

/// Several models behind one name. Thread: any; each call blocks its own.
class RoutedModel {
 public:
  RoutedModel(model::Routing routing,
              std::map<std::string, std::shared_ptr<ServedModel>> models,
              storage::EventLog const& log)
      : routing_(std::move(routing)), models_(std::move(models)), log_(log) {}

  [[nodiscard]] ActivityReply perform(ActivityContext const& context, std::string_view input) {
    auto conversation = conversation_of(log_, context, input);
    auto const request = request_for(context, conversation);
    auto const decision = decide_route(routing_.rules, builtin_complexity(), request);
    if (decision.model.empty()) fail(decision);
    auto route = to_json_value(decision);
    route.set("request", to_json_value(request));
    return models_.at(decision.model)
        ->perform(context, std::move(conversation.messages), std::move(route));
  }

 private:
  [[nodiscard]] RouteRequest request_for(ActivityContext const& context,
                                         Conversation const& conversation) const;
  [[noreturn]] static void fail(RouteDecision const& decision);

  // Set in the constructor.
  model::Routing routing_;
  std::map<std::string, std::shared_ptr<ServedModel>> models_;
  // Guards itself.
  ConversationLog log_;
};

/// Calls of tools in the conversation that are equal to one before.
std::uint32_t repetitions_in(std::vector<PromptMessage> const& messages) {
  std::set<std::string> seen;
  std::uint32_t repeated = 0;
  for (auto const& said : messages)
    for (auto const& call : said.message.tool_calls)
      if (!seen.insert(call.name + " " + canonical(call.arguments)).second) ++repeated;
  return repeated;
}

RouteRequest RoutedModel::request_for(ActivityContext const& context,
                                      Conversation const& conversation) const {
  auto const& messages = conversation.messages;
  RouteRequest request;
  auto const is_from_user = [](PromptMessage const& said) { return said.message.role == "user"; };
  request.turn = static_cast<std::uint32_t>(
      std::max<std::ptrdiff_t>(std::ranges::count_if(messages, is_from_user), 1));
  auto const newest = std::find_if(messages.rbegin(), messages.rend(), is_from_user);
  if (newest != messages.rend()) request.text = newest->message.content.value_or("");

  auto const& any = *models_.begin()->second;
  auto call = any.settings();
  call.messages = messages;
  request.prompt_tokens = cut_into_blocks(call).tokens;
  request.output_tokens = call.max_tokens.value_or(usual_output_tokens);
  request.tools = static_cast<std::uint32_t>(call.tools.size());
  for (auto const& tool : call.tools) request.schema_bytes += to_string(tool.parameters).size();
  request.risk = call.tools.empty() ? Risk::read : routing_.risk;
  request.failures = context.attempt - 1;
  request.repetitions = repetitions_in(messages);
  if (conversation.last) {
    request.model = conversation.last->model;
    request.warm_tokens = std::min(conversation.last->tokens, request.prompt_tokens);
  }
  auto const& spending = routing_.models.begin()->second.spending;
  if (spending)
    if (auto const left =
            spending->left({context.session.tenant, context.workflow, context.session.name}))
      request.budget_usd = to_usd(*left);
  for (auto const& [name, served] : models_) {
    auto const said = context.decide("model.call", name, Json(Json::Object{}));
    if (said && !said->permitted) request.not_permitted.push_back(name);
    if (!served->takes_calls(now())) request.unhealthy.push_back(name);
  }
  return request;
}

void RoutedModel::fail(RouteDecision const& decision) {
  std::string why;
  bool is_passing = false;
  for (auto const& candidate : decision.candidates) {
    if (!candidate.rejected) continue;
    why += (why.empty() ? "" : ", ") + candidate.name + ": " +
           std::string(name_of(*candidate.rejected));
    is_passing |= candidate.rejected == RouteRejection::unhealthy;
  }
  throw ActivityError("no_route",
                      "route " + decision.rules + ": no model is left for this call (" + why + ")",
                      is_passing ? ActivityError::Retry::allowed : ActivityError::Retry::forbidden);
}

}  // namespace

Result<> add_routed_model(Registry& registry,
                          storage::EventLog const& log,
                          model::Routing const& routing,
                          vault::Redactor const* redactor) {
  TRY_VOID(check(routing.rules));
  std::map<std::string, std::shared_ptr<ServedModel>> models;
  for (auto const& candidate : routing.rules.candidates) {
    auto const found = routing.models.find(candidate.name);
    if (found == routing.models.end())
      return Error{Errc::invalid,
                   "route " + routing.rules.name + ": nothing says how the model " +
                       candidate.name + " is called"};
    TRY(models[candidate.name], ServedModel::make(found->second, redactor));
  }
  auto const routed = std::make_shared<RoutedModel>(routing, std::move(models), log);
  registry.add_model(routing.rules.name,
                     [routed](ActivityContext const& context, std::string_view input) {
                       return routed->perform(context, input);
                     },
                     {.honours_route = true});
  return {};
}

}  // namespace dalsegno::activities

namespace dalsegno::model {

Result<> add_routed_model(Registry& registry, Store const& store, Routing const& routing) {
  return activities::add_routed_model(registry, store.log(), routing, nullptr);
}

}  // namespace dalsegno::model
