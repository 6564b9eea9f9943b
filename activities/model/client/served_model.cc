#include "activities/model/client/served_model.h"

#include "activities/http/connect_policy.h"
#include "activities/http/own_hosts.h"
#include "activities/model/budget/paid_call.h"
#include "activities/model/client/delta_redaction.h"
#include "activities/model/client/embeddings_activity.h"
#include "activities/model/client/model_settings.h"
#include "activities/model/client/record.h"
#include "activities/model/own_price.h"
#include "dalsegno/errors.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"

#include <chrono>
#include <random>
#include <string>
#include <utility>

namespace dalsegno::activities {
namespace {

using model::Delta;
using model::Endpoint;

/// Set aside for the answer of a call that sets no limit.
constexpr std::uint64_t usual_output_tokens = 4'096;

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

storage::SessionSecret random_key() {
  storage::SessionSecret key;
  std::random_device device;
  for (auto& byte : key.bytes) byte = static_cast<std::uint8_t>(device());
  return key;
}

/// What is known of the attempt, should it fail or nobody wait for its end.
void note(ActivityContext const& context, FailedFacts const& facts) {
  if (context.host != nullptr) context.host->heartbeat(details_of(facts));
}

ModelTarget target_of(Endpoint const& endpoint) {
  ModelTarget target;
  target.url = endpoint.url;
  target.dialect = endpoint.dialect == model::Dialect::chat ? Dialect::chat : Dialect::messages;
  target.api_key = endpoint.api_key;
  if (endpoint.max_completion_tokens) target.chat.max_tokens_name = "max_completion_tokens";
  target.chat.ask_for_usage = endpoint.asks_for_usage;
  return target;
}

Result<std::unique_ptr<EndpointPool>> make_pool(model::Options const& options) {
  std::vector<PoolEndpoint> endpoints;
  endpoints.reserve(options.endpoints.size());
  for (auto const& endpoint : options.endpoints)
    endpoints.push_back(
        {.affinity = {.name = endpoint.name,
                      .weight = endpoint.weight,
                      .prefill_tokens_per_second = endpoint.prefill_tokens_per_second},
         .draining = endpoint.draining});
  return EndpointPool::make(endpoints,
                            {.failures = options.failures_to_pause,
                             .pause = options.pause,
                             .longest_pause = options.longest_pause});
}

}  // namespace

Result<std::shared_ptr<ServedModel>> ServedModel::make(model::Options const& options,
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
      http::EgressRules::parse(
          options.egress.empty() ? http::egress_for(plans, "endpoint") : options.egress,
          options.egress_name));
  TRY(auto transport,
      http::NetworkTransport::make({.system_roots = true, .ca_file = options.ca_file}));
  TRY(auto pool, make_pool(named));
  return std::shared_ptr<ServedModel>(new ServedModel(std::move(named),
                                                      std::move(settings),
                                                      std::move(rules),
                                                      std::move(transport),
                                                      std::move(pool),
                                                      redactor));
}

ServedModel::ServedModel(model::Options options,
                         ModelCall settings,
                         http::EgressRules rules,
                         std::unique_ptr<http::NetworkTransport> transport,
                         std::unique_ptr<EndpointPool> pool,
                         vault::Redactor const* redactor)
    : options_(std::move(options)),
      settings_(std::move(settings)),
      guard_(std::move(rules), resolver_),
      transport_(std::move(transport)),
      http_(guard_, *transport_),
      client_(http_),
      own_redactor_(random_key()),
      redactor_(redactor == nullptr ? own_redactor_ : *redactor),
      pool_(std::move(pool)) {
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

ModelCalled ServedModel::send(ActivityContext const& context,
                              ModelCall call,
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
  DeltaSink const tell = [&](AnswerDelta delta) {
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
  DeltaRedaction redaction(redactor_, tell);
  auto how = sending(context);
  if (options_.on_delta)
    how.on_delta = [&redaction](AnswerDelta delta) { redaction.take(std::move(delta)); };
  auto called = client_.call(target, call, how);
  if (called.answer && options_.on_delta) redaction.finish();
  return called;
}

ModelCallOptions ServedModel::sending(ActivityContext const& context) const {
  ModelCallOptions how;
  how.limits = limits_;
  how.routes = context.routes;
  how.policy = http::connect_policy(context);
  how.on_contact = [&context](Contact contact) { context.contacted(std::move(contact)); };
  how.stop = context.stop;
  how.now = now;
  return how;
}

std::optional<Cost> ServedModel::price(Endpoint const& endpoint,
                                       Usage const& usage,
                                       Time at) const {
  if (options_.price) return cost_at(*options_.price, usage);
  if (endpoint.provider.empty()) return std::nullopt;
  auto cost = builtin_prices().cost(endpoint.provider, endpoint.model, usage, at);
  if (!cost) return std::nullopt;
  return std::move(*cost);
}

std::optional<Cost> ServedModel::foresee(std::uint64_t prompt_tokens,
                                         std::uint64_t output_tokens,
                                         Time at) const {
  Usage usage;
  usage.input = prompt_tokens + prompt_tokens / 4;  // servers count otherwise than we do
  usage.output = output_tokens;
  std::optional<Cost> most;
  for (auto const& endpoint : options_.endpoints) {
    auto cost = price(endpoint, usage, at);
    if (cost && (!most || most->total() < cost->total())) most = std::move(cost);
  }
  return most;
}

ActivityReply ServedModel::perform(ActivityContext const& context,
                                   std::vector<PromptMessage> messages,
                                   Json route) {
  auto call = settings_;
  call.messages = std::move(messages);
  auto const prompt = cut_into_blocks(call);
  PaidCall paid(options_.spending.get(),
                {context.session.tenant, context.workflow, context.session.name});
  if (auto const refused = paid.reserve(
          foresee(prompt.tokens, settings_.max_tokens.value_or(usual_output_tokens), now())))
    throw ActivityError("budget_exhausted", *refused, ActivityError::Retry::forbidden);
  auto const chosen = pool_->choose(context.run, prompt, now());
  if (!chosen) fail(chosen.error());
  auto const& endpoint = options_.endpoints[chosen->endpoint];
  note(context, {.endpoint = endpoint.name});
  auto called = [&] {
    try {
      return send(context, std::move(call), chosen->endpoint);
    } catch (std::exception const& error) {
      ModelCalled failed{std::unexpected(ModelFault{.type = "invalid_request",
                                                    .message = error.what(),
                                                    .retryable = false,
                                                    .retry_after = {},
                                                    .status = 0}),
                         now(),
                         {},
                         now(),
                         {}};
      return failed;
    }
  }();
  auto const cache = pool_->done(*chosen, prompt, called);
  if (!called.answer) {
    if (auto const& used = called.used_in_vain) {
      auto const cost = price(endpoint, *used, called.ended);
      if (cost) static_cast<void>(paid.settle(cost));
      note(context, {.endpoint = endpoint.name, .usage = used, .cost = cost});
    }
    auto fault = called.answer.error();
    fault.message = endpoint.name + ": " + fault.message;
    fail(fault);
  }
  auto const cost = called.answer->usage ? price(endpoint, *called.answer->usage, called.ended)
                                         : std::optional<Cost>();
  return reply_of(*called.answer,
                  endpoint.model,
                  {.pool = *pool_,
                   .chosen = *chosen,
                   .prompt = prompt,
                   .cache = cache,
                   .started = called.started,
                   .first_token = called.first_token,
                   .ended = called.ended,
                   .cost = cost,
                   .budget = paid.settle(cost),
                   .route = std::move(route)});
}

ActivityReply ServedModel::embed(ActivityContext const& context,
                                 model::EmbeddingsRequest const& request,
                                 model::EmbeddingsEncoding encoding) {
  PromptBlocks prompt;  // without blocks: no server keeps beginnings of these
  for (auto const& text : request.input) prompt.bytes += text.size();
  prompt.tokens = prompt.bytes / bytes_of_token + request.input.size();
  PaidCall paid(options_.spending.get(),
                {context.session.tenant, context.workflow, context.session.name});
  if (auto const refused = paid.reserve(foresee(prompt.tokens, 0, now())))
    throw ActivityError("budget_exhausted", *refused, ActivityError::Retry::forbidden);
  auto const chosen = pool_->choose(context.run, prompt, now());
  if (!chosen) fail(chosen.error());
  auto const& endpoint = options_.endpoints[chosen->endpoint];
  note(context, {.endpoint = endpoint.name});
  auto called = call_embeddings(http_,
                                targets_[chosen->endpoint],
                                request,
                                write_embeddings_request(endpoint.model, request, encoding),
                                sending(context));
  auto const told = [&]() -> OrFault<ModelAnswer> {
    if (!called.answer) return std::unexpected(called.answer.error());
    return ModelAnswer{};
  };
  pool_->done(*chosen, prompt, {told(), called.started, {}, called.ended, {}});
  if (!called.answer) {
    auto fault = called.answer.error();
    fault.message = endpoint.name + ": " + fault.message;
    fail(fault);
  }
  auto const& answer = *called.answer;
  EmbeddingsFacts facts{.endpoint = endpoint.name,
                        .model = endpoint.model,
                        .prompt_bytes = prompt.bytes,
                        .elapsed = called.ended - called.started};
  if (answer.usage) facts.cost = price(endpoint, *answer.usage, called.ended);
  facts.budget = paid.settle(facts.cost);
  return reply_of(answer, facts);
}

}  // namespace dalsegno::activities
