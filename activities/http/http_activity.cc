#include "activities/http/client.h"
#include "activities/http/connect_policy.h"
#include "activities/http/network_transport.h"
#include "activities/http/token_refusal.h"
#include "dalsegno/errors.h"
#include "dalsegno/http.h"
#include "dalsegno/try.h"
#include "storage/event/base64.h"
#include "storage/event/digest.h"
#include "storage/event/json_text.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace dalsegno::http {
namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    auto const length = storage::utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string from_latin1(std::string_view bytes) {
  std::string text;
  for (char const c : bytes) {
    auto const byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      text += c;
    else
      text += {static_cast<char>(0xc0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3f))};
  }
  return text;
}

ActivityError error_of(Failure const& failure) {
  ActivityError const error(
      std::string(name_of(failure.kind)),
      failure.message,
      may_pass(failure.kind) ? ActivityError::Retry::allowed : ActivityError::Retry::forbidden);
  return may_have_happened(failure.kind) ? error.with_unknown_outcome() : error;
}

void refuse_tokens_in(RequestInput const& input) {
  refuse_tokens("url", input.url);
  if (!input.headers) return;
  for (auto const& [name, value] : *input.headers) refuse_tokens("header " + name, value);
}

Request request_of(RequestInput input, ActivityContext const& context) {
  Request out;
  out.method = input.method.value_or("GET");
  out.url = std::move(input.url);
  if (input.headers)
    for (auto& field : *input.headers)
      out.headers.push_back({std::move(field.name), std::move(field.value)});
  out.body = std::move(input.body).value_or("");
  bool const has_effect = out.method == "POST" || out.method == "PUT" || out.method == "PATCH" ||
                          out.method == "DELETE";
  auto const is_key = [](Header const& entry) { return is_header(entry.name, "idempotency-key"); };
  // Hashed, as the names of tenants and sessions are nobody's business outside.
  if (has_effect && std::ranges::none_of(out.headers, is_key))
    out.headers.push_back(
        {"Idempotency-Key", storage::to_hex(storage::sha256({context.idempotency_key}))});
  return out;
}

RequestOutput output_of(Answer answer) {
  RequestOutput out;
  out.status = static_cast<std::uint16_t>(answer.response.status);
  for (auto& [name, value] : answer.response.headers)
    out.headers.push_back(
        {std::move(name), is_utf8(value) ? std::move(value) : from_latin1(value)});
  if (is_utf8(answer.response.body))
    out.body = std::move(answer.response.body);
  else
    out.body_base64 = storage::encode_padded_base64(answer.response.body);
  if (!answer.redirect.empty()) out.redirect = std::move(answer.redirect);
  return out;
}

/// What the activity needs as long as it is registered.
struct Parts {
  Parts(EgressRules rules, std::unique_ptr<NetworkTransport> network, Limits const& of_each)
      : guard(std::move(rules), resolver),
        transport(std::move(network)),
        client(guard, *transport),
        limits(of_each) {}

  [[nodiscard]] RequestOutput perform(ActivityContext const& context, RequestInput input) const;

  SystemResolver resolver;
  EgressGuard guard;
  std::unique_ptr<NetworkTransport> transport;
  Client client;
  Limits limits;
};

RequestOutput Parts::perform(ActivityContext const& context, RequestInput input) const {
  refuse_tokens_in(input);
  SendOptions options;
  options.limits = limits;
  options.routes = context.routes;
  options.policy = connect_policy(context);
  options.stop = context.stop;
  options.on_contact = [&context](Contact contact) { context.contacted(std::move(contact)); };
  auto answer = client.send(request_of(std::move(input), context), options);
  if (answer.failure) throw error_of(*answer.failure);
  return output_of(std::move(answer));
}

}  // namespace

Result<> add_http(Registry& registry, HttpOptions const& options) {
  EgressRules rules;
  if (!options.egress.empty()) {
    TRY(rules, EgressRules::parse(options.egress, options.egress_name));
  }
  TRY(auto transport, NetworkTransport::make({.system_roots = true, .ca_file = options.ca_file}));
  Limits limits;
  limits.connect = options.connect_timeout;
  limits.head = options.head_timeout;
  limits.idle = options.idle_timeout;
  limits.total = options.total_timeout;
  limits.body_bytes = options.max_body_bytes;
  // Shared: a handler is copied with its registry.
  auto const parts = std::make_shared<Parts const>(std::move(rules), std::move(transport), limits);
  registry.add(request, [parts](ActivityContext const& context, RequestInput input) {
    return parts->perform(context, std::move(input));
  });
  return {};
}

}  // namespace dalsegno::http
