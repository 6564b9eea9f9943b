#include "activities/model/client/model_activity.h"

#include "activities/http/connect_policy.h"
#include "activities/http/network_transport.h"
#include "activities/model/client/client.h"
#include "activities/model/client/conversation_log.h"
#include "activities/model/client/delta_redaction.h"
#include "activities/model/client/endpoint_pool.h"
#include "activities/model/client/record.h"
#include "activities/model/price_table.h"
#include "dalsegno/errors.h"
#include "dalsegno/model.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "storage/vault/redactor.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <set>
#include <utility>

namespace dalsegno::model {
namespace {

namespace activities = dalsegno::activities;
using activities::AnswerFormat;
using activities::ModelFault;
using activities::ToolChoice;

Time now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

[[noreturn]] void fail(ModelFault const& fault) {
  if (!fault.retryable)
    throw ActivityError(fault.type, fault.message, ActivityError::Retry::forbidden);
  if (!fault.retry_after) throw ActivityError(fault.type, fault.message);
  throw ActivityError(fault.type,
                      fault.message + " (to be tried again in " +
                          std::to_string(fault.retry_after->count()) + " ms)",
                      *fault.retry_after);
}

// ---- what is configured ----

Error wrong(std::string const& what, std::string const& why) {
  return Error{Errc::invalid, what + ": " + why};
}

/// One rule for each endpoint: its host and port and nothing else.
std::string rules_for(std::vector<http::DialPlan> const& plans) {
  Json::Array rules;
  for (auto const& plan : plans) {
    Json rule;
    rule.set("id", "endpoint-" + std::to_string(rules.size() + 1));
    rule.set("hosts", Json::Array{plan.host()});
    rule.set("schemes", Json::Array{plan.scheme() == http::Scheme::https ? "https" : "http"});
    rule.set("ports", Json::Array{Json(std::uint64_t{plan.port()})});
    if (plan.host() == "localhost") rule.set("addresses", Json::Array{"127.0.0.0/8", "::1"});
    bool const is_known = std::ranges::any_of(rules, [&](Json const& other) {
      return *other.find("hosts") == *rule.find("hosts") &&
             *other.find("schemes") == *rule.find("schemes") &&
             *other.find("ports") == *rule.find("ports");
    });
    if (!is_known) rules.push_back(std::move(rule));
  }
  Json document;
  document.set("dalsegno_egress", 1).set("rules", std::move(rules));
  return to_string(document);
}

Result<std::vector<http::DialPlan>> check_endpoints(std::vector<Endpoint> const& endpoints) {
  if (endpoints.empty()) return wrong("the model", "it has no endpoint");
  std::vector<http::DialPlan> plans;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    auto const& endpoint = endpoints[i];
    auto const what = "endpoint " + std::to_string(i + 1) +
                      (endpoint.name.empty() ? "" : " (" + endpoint.name + ")");
    auto plan = http::DialPlan::parse(endpoint.url);
    if (!plan) return wrong(what, plan.error().detail);
    if (endpoint.url.contains('?')) return wrong(what, "its URL has a query");
    if (endpoint.model.empty()) return wrong(what, "it names no model");
    if (!std::ranges::all_of(endpoint.api_key, [](char c) { return c > 0x20 && c < 0x7f; }))
      return wrong(what, "its key has something other than printable ASCII");
    plans.push_back(std::move(*plan));
  }
  return plans;
}

Result<std::vector<activities::ToolSpec>> read_tools(std::vector<Tool> const& tools) {
  std::vector<activities::ToolSpec> specs;
  std::set<std::string> names;
  for (auto const& tool : tools) {
    bool const is_name =
        !tool.name.empty() && tool.name.size() <= 64 && std::ranges::all_of(tool.name, [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-';
        });
    if (!is_name)
      return wrong("tool \"" + tool.name + "\"",
                   "a name has 1 to 64 of a-z, A-Z, 0-9, '_' and '-': servers take no other");
    if (tool.name == activities::json_answer_tool || !names.insert(tool.name).second)
      return wrong("tool \"" + tool.name + "\"", "the name is taken");
    if (!tool.parameters.is_null() && tool.parameters.as_object() == nullptr)
      return wrong("tool \"" + tool.name + "\"", "its parameters are no JSON Schema of an object");
    specs.push_back({tool.name, tool.description, tool.parameters});
  }
  return activities::in_order(std::move(specs));
}

Result<ToolChoice> read_choice(Options const& options) {
  using Mode = ToolChoice::Mode;
  if (options.tool_choice == "auto") return ToolChoice{Mode::automatic, ""};
  if (options.tool_choice == "none") return ToolChoice{Mode::none, ""};
  if (options.tool_choice == "required") return ToolChoice{Mode::required, ""};
  if (std::ranges::find(options.tools, options.tool_choice, &Tool::name) == options.tools.end())
    return wrong("tool_choice",
                 "\"" + options.tool_choice +
                     "\" is neither \"auto\", \"none\", \"required\" nor the name of a tool");
  return ToolChoice{Mode::named, options.tool_choice};
}

Result<activities::ModelCall> read_settings(Options const& options) {
  activities::ModelCall call;
  TRY(call.tools, read_tools(options.tools));
  TRY(call.tool_choice, read_choice(options));
  call.parallel_tool_calls = options.parallel_tool_calls;
  if (!options.answer_schema.is_null()) {
    if (options.answer_schema.as_object() == nullptr)
      return wrong("answer_schema", "it is no JSON Schema of an object");
    call.format = {AnswerFormat::Kind::json_schema, "answer", options.answer_schema, true};
  } else if (options.json_answers) {
    call.format.kind = AnswerFormat::Kind::json_object;
  }
  for (auto const& [name, value] :
       {std::pair("temperature", options.temperature), std::pair("top_p", options.top_p)})
    if (value && !std::isfinite(*value)) return wrong(name, "it is no number");
  if (!options.extra.is_null() && options.extra.as_object() == nullptr)
    return wrong("extra", "it is no object");
  call.stream = options.stream;
  call.max_tokens = options.max_tokens;
  call.temperature = options.temperature;
  call.top_p = options.top_p;
  call.seed = options.seed;
  call.extra = options.extra;
  return call;
}

storage::SessionSecret random_key() {
  storage::SessionSecret key;
  std::random_device device;
  for (auto& byte : key.bytes) byte = static_cast<std::uint8_t>(device());
  return key;
}

// ---- what performs calls ----

/// What the activity needs as long as it is registered.
class Model {
 public:
  Model(Options options,
        activities::ModelCall settings,
        http::EgressRules rules,
        std::unique_ptr<http::NetworkTransport> transport,
        std::unique_ptr<activities::EndpointPool> pool,
        storage::EventLog const& log,
        vault::Redactor const* redactor);

  [[nodiscard]] ActivityReply perform(ActivityContext const& context, std::string_view input);

 private:
  [[nodiscard]] activities::ModelCall call_for(ActivityContext const& context,
                                               agent::ModelRequest const& request);
  [[nodiscard]] activities::ModelCalled send(ActivityContext const& context,
                                             activities::ModelCall call,
                                             std::size_t endpoint);
  [[nodiscard]] std::optional<activities::Cost> price(Endpoint const& endpoint,
                                                      activities::ModelAnswer const& answer,
                                                      Time at) const;

  // Set in the constructor.
  Options options_;
  activities::ModelCall settings_;
  std::vector<activities::ModelTarget> targets_;
  activities::ModelLimits limits_;
  http::SystemResolver resolver_;
  http::EgressGuard guard_;
  std::unique_ptr<http::NetworkTransport> transport_;
  http::Client http_;
  activities::ModelClient client_;
  vault::Redactor own_redactor_;
  vault::Redactor const& redactor_;  // of deltas
  // Each guards itself.
  std::unique_ptr<activities::EndpointPool> pool_;
  activities::ConversationLog conversations_;
};

activities::ModelTarget target_of(Endpoint const& endpoint) {
  activities::ModelTarget target;
  target.url = endpoint.url;
  target.dialect =
      endpoint.dialect == Dialect::chat ? activities::Dialect::chat : activities::Dialect::messages;
  target.api_key = endpoint.api_key;
  if (endpoint.max_completion_tokens) target.chat.max_tokens_name = "max_completion_tokens";
  target.chat.ask_for_usage = endpoint.asks_for_usage;
  return target;
}

Model::Model(Options options,
             activities::ModelCall settings,
             http::EgressRules rules,
             std::unique_ptr<http::NetworkTransport> transport,
             std::unique_ptr<activities::EndpointPool> pool,
             storage::EventLog const& log,
             vault::Redactor const* redactor)
    : options_(std::move(options)),
      settings_(std::move(settings)),
      guard_(std::move(rules), resolver_),
      transport_(std::move(transport)),
      http_(guard_, *transport_),
      client_(http_),
      own_redactor_(random_key()),
      redactor_(redactor == nullptr ? own_redactor_ : *redactor),
      pool_(std::move(pool)),
      conversations_(log) {
  for (auto const& endpoint : options_.endpoints) {
    targets_.push_back(target_of(endpoint));
    own_redactor_.add_known("model_api_key", endpoint.api_key);
  }
  limits_.connect = options_.connect_timeout;
  limits_.first_token = options_.first_token_timeout;
  limits_.between_tokens = options_.token_timeout;
  limits_.total = options_.total_timeout;
  limits_.answer_bytes = options_.max_answer_bytes;
}

activities::ModelCall Model::call_for(ActivityContext const& context,
                                      agent::ModelRequest const& request) {
  auto messages = conversations_.prompt(context.session, context.run, context.operation, request);
  if (!messages) {
    bool const is_lasting = messages.error().code == Errc::not_found;
    throw ActivityError(
        is_lasting ? "prompt_not_recorded" : "log_unreadable",
        messages.error().detail,
        is_lasting ? ActivityError::Retry::forbidden : ActivityError::Retry::allowed);
  }
  auto call = settings_;
  call.messages = std::move(*messages);
  return call;
}

activities::ModelCalled Model::send(ActivityContext const& context,
                                    activities::ModelCall call,
                                    std::size_t endpoint) {
  auto const& chosen = options_.endpoints[endpoint];
  auto target = targets_[endpoint];
  // Hashed, as the names of tenants and sessions are nobody's business outside.
  auto const session =
      storage::to_hex(storage::sha256({"dalsegno/affinity/1 ", to_string(context.session)}))
          .substr(0, 32);
  target.headers.push_back({"X-Session-Affinity", session});
  call.model = chosen.model;
  if (chosen.sends_cache_key) call.cache_key = session;

  bool is_heard = true;
  activities::DeltaSink const tell = [&](activities::AnswerDelta delta) {
    if (!is_heard) return;
    try {
      options_.on_delta({.session = context.session,
                         .operation = context.operation,
                         .attempt = context.attempt,
                         .kind = static_cast<Delta::Kind>(delta.kind),
                         .tool_call = delta.tool_call,
                         .tool = std::move(delta.tool),
                         .text = std::move(delta.text)});
    } catch (...) {  // whoever listens is not who asked
      is_heard = false;
    }
  };
  activities::DeltaRedaction redaction(redactor_, tell);
  activities::ModelCallOptions how;
  how.limits = limits_;
  how.routes = context.routes;
  how.policy = http::connect_policy(context);
  how.on_contact = [&context](Contact contact) { context.contacted(std::move(contact)); };
  how.stop = context.stop;
  if (options_.on_delta)
    how.on_delta = [&redaction](activities::AnswerDelta delta) {
      redaction.take(std::move(delta));
    };
  auto called = client_.call(target, call, how);
  if (called.answer && options_.on_delta) redaction.finish();
  return called;
}

std::optional<activities::Cost> Model::price(Endpoint const& endpoint,
                                             activities::ModelAnswer const& answer,
                                             Time at) const {
  if (endpoint.provider.empty() || !answer.usage) return std::nullopt;
  auto cost =
      activities::builtin_prices().cost(endpoint.provider, endpoint.model, *answer.usage, at);
  if (!cost) return std::nullopt;
  return std::move(*cost);
}

ActivityReply Model::perform(ActivityContext const& context, std::string_view input) {
  auto const request = from_json<agent::ModelRequest>(input);
  if (!request)
    throw ActivityError("input_mismatch", request.error().detail, ActivityError::Retry::forbidden);
  auto call = call_for(context, *request);
  auto const prompt = activities::cut_into_blocks(call);
  auto const chosen = pool_->choose(context.run, prompt, now());
  if (!chosen) fail(chosen.error());
  auto const& endpoint = options_.endpoints[chosen->endpoint];
  auto called = [&] {
    try {
      return send(context, std::move(call), chosen->endpoint);
    } catch (std::exception const& error) {
      activities::ModelCalled failed{std::unexpected(ModelFault{.type = "invalid_request",
                                                                .message = error.what(),
                                                                .retryable = false,
                                                                .retry_after = {},
                                                                .status = 0}),
                                     now(),
                                     {},
                                     now()};
      return failed;
    }
  }();
  auto const cache = pool_->done(*chosen, prompt, called);
  if (!called.answer) {
    auto fault = called.answer.error();
    fault.message = endpoint.name + ": " + fault.message;
    fail(fault);
  }
  return activities::reply_of(*called.answer,
                              endpoint.model,
                              {.pool = *pool_,
                               .chosen = *chosen,
                               .prompt = prompt,
                               .cache = cache,
                               .started = called.started,
                               .first_token = called.first_token,
                               .ended = called.ended,
                               .cost = price(endpoint, *called.answer, called.ended)});
}

Result<std::unique_ptr<activities::EndpointPool>> make_pool(Options const& options) {
  std::vector<activities::PoolEndpoint> endpoints;
  endpoints.reserve(options.endpoints.size());
  for (auto const& endpoint : options.endpoints)
    endpoints.push_back(
        {.affinity = {.name = endpoint.name,
                      .weight = endpoint.weight,
                      .prefill_tokens_per_second = endpoint.prefill_tokens_per_second},
         .draining = endpoint.draining});
  return activities::EndpointPool::make(endpoints,
                                        {.failures = options.failures_to_pause,
                                         .pause = options.pause,
                                         .longest_pause = options.longest_pause});
}

Result<> add(Registry& registry,
             storage::EventLog const& log,
             Options const& options,
             vault::Redactor const* redactor) {
  TRY(auto const plans, check_endpoints(options.endpoints));
  auto named = options;
  for (std::size_t i = 0; i < plans.size(); ++i)
    if (named.endpoints[i].name.empty())  // redaction would take an address for what it is
      named.endpoints[i].name = plans[i].literal()
                                    ? "endpoint-" + std::to_string(i + 1)
                                    : plans[i].host() + ":" + std::to_string(plans[i].port());
  TRY(auto settings, read_settings(options));
  TRY(auto rules,
      http::EgressRules::parse(options.egress.empty() ? rules_for(plans) : options.egress,
                               options.egress_name));
  TRY(auto transport,
      http::NetworkTransport::make({.system_roots = true, .ca_file = options.ca_file}));
  TRY(auto pool, make_pool(named));
  auto const name = named.name;
  // Shared: a handler is copied with its registry.
  auto const model = std::make_shared<Model>(std::move(named),
                                             std::move(settings),
                                             std::move(rules),
                                             std::move(transport),
                                             std::move(pool),
                                             log,
                                             redactor);
  registry.add_model(name,
                     [model](ActivityContext const& context, std::string_view input) {
                       return model->perform(context, input);
                     },
                     {.honours_route = true});
  return {};
}

}  // namespace

Result<> add_model(Registry& registry, Store const& store, Options const& options) {
  return add(registry, store.log(), options, nullptr);
}

}  // namespace dalsegno::model

namespace dalsegno::activities {

Result<> add_model(Registry& registry,
                   storage::EventLog const& log,
                   model::Options const& options,
                   vault::Redactor const* redactor) {
  return model::add(registry, log, options, redactor);
}

}  // namespace dalsegno::activities
