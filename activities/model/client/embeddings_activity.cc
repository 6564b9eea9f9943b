// Embeddings as a model's calls: the same endpoints, breakers, money and records, another body.

#include "activities/model/client/embeddings_activity.h"

#include "activities/model/client/http_fault.h"
#include "activities/model/client/record.h"
#include "activities/model/client/served_model.h"
#include "dalsegno/errors.h"
#include "dalsegno/try.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr std::size_t most_texts = 2'048;

/// Of the log, so it cannot be said what is wrong with it but to whoever wrote the workflow.
model::EmbeddingsRequest request_in(std::string_view input, std::size_t max_batch) {
  auto const refuse = [](std::string const& why) {
    throw ActivityError("input_mismatch", why, ActivityError::Retry::forbidden);
  };
  auto request = from_json<model::EmbeddingsRequest>(input);
  if (!request) refuse(request.error().detail);
  if (request->input.empty()) refuse("input: there is no text");
  if (request->input.size() > max_batch)
    refuse("input: " + std::to_string(request->input.size()) + " texts, at most " +
           std::to_string(max_batch) + " are allowed");
  if (std::ranges::any_of(request->input, &std::string::empty))
    refuse("input: one of the texts is empty");
  if (request->dimensions == 0U) refuse("dimensions: 0");
  return std::move(*request);
}

http::Request http_request(ModelTarget const& target, std::string body) {
  http::Request request;
  request.method = "POST";
  request.url = join_url(target.url, "/embeddings");
  request.headers.push_back({"Content-Type", "application/json"});
  request.headers.push_back({"Accept", "application/json"});
  if (!target.api_key.empty())
    request.headers.push_back({"Authorization", "Bearer " + target.api_key});
  request.headers.insert(request.headers.end(), target.headers.begin(), target.headers.end());
  request.body = std::move(body);
  return request;
}

OrFault<EmbeddingsAnswer> read(http::Answer const& answer,
                               model::EmbeddingsRequest const& request,
                               Time now) {
  auto const status = answer.response.status;
  bool const is_success = status / 100 == 2;
  if (answer.failure && (is_success || status == 0))
    return std::unexpected(fault_of(*answer.failure));
  if (is_success) return read_embeddings_answer(answer.response.body, request);
  std::vector<AnswerHeader> headers;
  headers.reserve(answer.response.headers.size());
  for (auto const& [name, value] : answer.response.headers) headers.push_back({name, value});
  return std::unexpected(fault_of_status(status, headers, answer.response.body, now));
}

}  // namespace

EmbeddingsCalled call_embeddings(http::Client const& client,
                                 ModelTarget const& target,
                                 model::EmbeddingsRequest const& request,
                                 std::string body,
                                 ModelCallOptions const& options) {
  EmbeddingsCalled called{std::unexpected(ModelFault{}), options.now(), {}};
  http::SendOptions sending;
  sending.limits.resolve = options.limits.resolve;
  sending.limits.connect = options.limits.connect;
  sending.limits.head = options.limits.total;
  sending.limits.total = options.limits.total;
  sending.limits.idle = options.limits.between_tokens;
  sending.limits.body_bytes = options.limits.answer_bytes;
  sending.limits.redirects = 0;
  sending.routes = options.routes;
  sending.policy = options.policy;
  sending.on_contact = options.on_contact;
  sending.stop = options.stop;
  sending.keep_alive = true;
  auto const answer = client.send(http_request(target, std::move(body)), sending);
  called.ended = options.now();
  called.answer = read(answer, request, called.ended);
  if (!called.answer) hide_key(called.answer.error().message, target.api_key);
  return called;
}

Result<> add_embeddings(Registry& registry, model::EmbeddingsOptions const& options) {
  auto const wrong = [](std::string const& what) { return Error{Errc::invalid, what}; };
  if (options.max_batch < 1 || options.max_batch > most_texts)
    return wrong("max_batch is " + std::to_string(options.max_batch) + "; it may be from 1 to " +
                 std::to_string(most_texts));
  for (auto const& endpoint : options.model.endpoints)
    if (endpoint.dialect != model::Dialect::chat)
      return wrong("endpoint " + endpoint.name +
                   ": the dialect messages has no embeddings; only chat has");
  TRY(auto served, ServedModel::make(options.model, nullptr));
  // Shared: a handler is copied with its registry.
  registry.add_model(
      options.model.name,
      [served = std::move(served), encoding = options.encoding, max_batch = options.max_batch](
          ActivityContext const& context, std::string_view input) {
        return served->embed(context, request_in(input, max_batch), encoding);
      },
      {.honours_route = true});
  return {};
}

}  // namespace dalsegno::activities

namespace dalsegno::model {

Result<> add_embeddings(Registry& registry, EmbeddingsOptions const& options) {
  return activities::add_embeddings(registry, options);
}

}  // namespace dalsegno::model
