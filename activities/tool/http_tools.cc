#include "dalsegno/http_tools.h"

#include "activities/http/client.h"
#include "activities/http/connect_policy.h"
#include "activities/http/network_transport.h"
#include "activities/http/own_hosts.h"
#include "activities/http/retry_after.h"
#include "activities/http/token_refusal.h"
#include "activities/tool/http_request.h"
#include "activities/tool/schema/schema.h"
#include "activities/tool/tool_answer.h"
#include "activities/tool/tool_name.h"
#include "dalsegno/agent.h"
#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "storage/event/json_text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

namespace dalsegno::tools {
namespace {

Error wrong(HttpTool const& tool, std::string const& why) {
  return Error{Errc::invalid, "the tool \"" + tool.name + "\": " + why};
}

/// The URL as it is for some arguments.
std::string example_of(std::string url) {
  for (auto const& name : placeholders(url)) {
    auto const braces = "{" + name + "}";
    url.replace(url.find(braces), braces.size(), "x");
  }
  return url;
}

/// Where the tool leads. Errors: Errc::invalid.
Result<http::DialPlan> check(HttpTool const& tool) {
  if (!is_tool_name(tool.name))
    return wrong(tool, "a name has 1 to 64 of a-z, A-Z, 0-9, '_' and '-'");
  constexpr std::array<std::string_view, 6> methods = {
      "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  if (std::ranges::find(methods, tool.method) == methods.end())
    return wrong(tool, "its method is none of GET, HEAD, POST, PUT, PATCH, DELETE");
  auto const path = tool.url.find('/', tool.url.find("://") + 3);
  if (tool.url.contains('{') && (path == std::string::npos || tool.url.find('{') < path ||
                                 tool.url.find('{') > tool.url.find('?')))
    return wrong(tool, "arguments go into the path of its URL and nowhere else in it");
  auto plan = http::DialPlan::parse(example_of(tool.url));
  if (!plan) return wrong(tool, plan.error().detail);
  auto const* const properties = tool.parameters.find("properties");
  for (auto const& name : placeholders(tool.url))
    if (properties == nullptr || properties->find(name) == nullptr)
      return wrong(tool, "{" + name + "} in its URL is none of its parameters");
  return std::move(*plan);
}

std::string readable(std::string body) {
  auto rest = std::string_view(body);
  while (!rest.empty()) {
    auto const length = storage::utf8_length(rest);
    if (length == 0)
      return canonical(Json()
                           .set("type", "bytes")
                           .set("bytes", std::uint64_t{body.size()})
                           .set("sha256", storage::to_hex(storage::sha256({body}))));
    rest.remove_prefix(length);
  }
  return body;
}

/// The argument of the tool that would be a header beside one of ours of the same name; "": none.
std::string_view colliding_header(HttpTool const& tool, HttpToolsOptions const& options) {
  for (auto const& [argument, place] : tool.places) {
    if (place != HttpPlace::header) continue;
    for (auto const* const fields : {&options.headers, &options.secrets})
      for (auto const& field : *fields)
        if (http::is_header(argument, field.name)) return argument;
  }
  return {};
}

/// What the tools of one service have in common. Thread: any.
class Service {
 public:
  Service(HttpToolsOptions options,
          http::EgressRules rules,
          std::unique_ptr<http::NetworkTransport> network)
      : options_(std::move(options)),
        guard_(std::move(rules), resolver_),
        transport_(std::move(network)),
        client_(guard_, *transport_) {}

  [[nodiscard]] ActivityReply perform(ActivityContext const& context,
                                      HttpTool const& tool,
                                      schema::Schema const& schema,
                                      std::string_view input) const;

 private:
  [[nodiscard]] http::Request request_of(ActivityContext const& context,
                                         HttpTool const& tool,
                                         Json const& arguments) const;
  [[nodiscard]] ActivityReply reply_of(http::Response response) const;

  HttpToolsOptions options_;
  http::SystemResolver resolver_;
  http::EgressGuard guard_;
  std::unique_ptr<http::NetworkTransport> transport_;
  http::Client client_;
};

[[noreturn]] void refuse(HttpTool const& tool, std::string const& what) {
  throw ActivityError("invalid_arguments",
                      "the arguments do not fit the tool \"" + tool.name + "\":\n" + what,
                      ActivityError::Retry::forbidden);
}

http::Request Service::request_of(ActivityContext const& context,
                                  HttpTool const& tool,
                                  Json const& arguments) const {
  auto built = request_for(tool, arguments);
  if (!built) refuse(tool, built.error());
  auto& request = *built;
  http::refuse_tokens("url", request.url);
  for (auto const& [name, value] : request.headers) http::refuse_tokens("header " + name, value);
  for (auto const* const more : {&options_.headers, &options_.secrets})
    for (auto const& [name, value] : *more) request.headers.push_back({name, value});
  // Hashed, as the names of tenants and sessions are nobody's business outside.
  if (tool.method != "GET" && tool.method != "HEAD")
    request.headers.push_back(
        {"Idempotency-Key", storage::to_hex(storage::sha256({context.idempotency_key}))});
  return std::move(request);
}

ActivityReply Service::reply_of(http::Response response) const {
  auto const status = response.status;
  if (status == 408 || status == 429 || status == 503) {
    ActivityError const error(status == 408   ? "request_timeout"
                              : status == 429 ? "rate_limited"
                                              : "unavailable",
                              "status " + std::to_string(status));
    auto const now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    auto const wait = http::retry_after(http::header(response.headers, "retry-after"), "", now);
    throw wait ? error.after(*wait) : error;
  }
  if (status >= 500)
    throw ActivityError("server_error", "status " + std::to_string(status)).with_unknown_outcome();
  bool const is_error = status < 200 || status > 299;
  auto content = readable(std::move(response.body));
  cut_content(content, options_.max_content_bytes);
  if (is_error) {
    auto const body = parse_json(content);
    content = canonical(Json()
                            .set("error", "status " + std::to_string(status))
                            .set("answer", body ? *body : Json(std::move(content))));
  }
  return {.payload = to_json(agent::ToolReply{.content = std::move(content)}),
          .is_error = is_error};
}

ActivityReply Service::perform(ActivityContext const& context,
                               HttpTool const& tool,
                               schema::Schema const& schema,
                               std::string_view input) const {
  auto const asked = from_json<agent::ToolRequest>(input);
  if (!asked)
    throw ActivityError("input_mismatch", asked.error().detail, ActivityError::Retry::forbidden);
  auto const arguments = asked->arguments.is_null() ? Json(Json::Object{}) : asked->arguments;
  if (auto const verdict = schema.check(arguments); !verdict.fits())
    refuse(tool, to_string(verdict));
  http::SendOptions how;
  how.limits.connect = options_.connect_timeout;
  how.limits.head = options_.answer_timeout;
  how.limits.idle = options_.answer_timeout;
  how.limits.total = options_.total_timeout;
  how.limits.body_bytes = options_.max_answer_bytes;
  how.routes = context.routes;
  how.policy = http::connect_policy(context);
  how.stop = context.stop;
  how.on_contact = [&context](Contact contact) { context.contacted(std::move(contact)); };
  auto answer = client_.send(request_of(context, tool, arguments), how);
  if (!answer.failure) return reply_of(std::move(answer.response));
  auto const& failure = *answer.failure;
  ActivityError const error(
      std::string(name_of(failure.kind)),
      failure.message,
      may_pass(failure.kind) ? ActivityError::Retry::allowed : ActivityError::Retry::forbidden);
  throw may_have_happened(failure.kind) ? error.with_unknown_outcome() : error;
}

}  // namespace

Result<std::vector<model::Tool>> add_http_tools(Registry& registry,
                                                HttpToolsOptions const& options) {
  std::vector<http::DialPlan> plans;
  std::vector<schema::Schema> schemas;
  std::set<std::string> names;
  for (auto const& tool : options.tools) {
    TRY(auto plan, check(tool));
    plans.push_back(std::move(plan));
    if (!names.insert(tool.name).second) return wrong(tool, "another one has its name");
    if (auto const header = colliding_header(tool, options); !header.empty())
      return wrong(tool,
                   "its argument \"" + std::string(header) + "\" is a header that is set for all");
    auto schema = schema::Schema::read(tool.parameters.is_null() ? Json().set("type", "object")
                                                                 : tool.parameters);
    if (!schema) return wrong(tool, "its parameters: " + schema.error().detail);
    schemas.push_back(std::move(*schema));
  }
  auto const egress =
      options.egress.empty() ? http::egress_for(plans, "http-tool") : options.egress;
  TRY(auto rules, http::EgressRules::parse(egress, options.egress_name));
  TRY(auto transport,
      http::NetworkTransport::make({.system_roots = true, .ca_file = options.ca_file}));
  // Shared: a handler is copied with its registry.
  auto const service =
      std::make_shared<Service const>(options, std::move(rules), std::move(transport));
  std::vector<model::Tool> offered;
  for (std::size_t i = 0; i < options.tools.size(); ++i) {
    auto const& tool = options.tools[i];
    ActivityHandler handler = [service, tool, schema = schemas[i]](ActivityContext const& context,
                                                                   std::string_view input) {
      return service->perform(context, tool, schema, input);
    };
    if (options.normal_answers)
      handler = tool::with_normal_answers(std::move(handler), *options.normal_answers);
    auto known = tool.options;
    known.honours_route = true;
    registry.add_tool(tool.name, std::move(handler), known);
    offered.push_back({tool.name, tool.description, tool.parameters});
  }
  return offered;
}

std::vector<KnownSecret> known_secrets(HttpToolsOptions const& options) {
  constexpr std::size_t least = 6;
  std::vector<KnownSecret> out;
  for (auto const& [name, value] : options.secrets) {
    if (value.size() >= least) out.push_back({"http_tool_secret", value});
    for (std::string_view const scheme : {"Bearer ", "Basic "})
      if (value.starts_with(scheme) && value.size() >= scheme.size() + least)
        out.push_back({"http_tool_secret", value.substr(scheme.size())});
  }
  return out;
}

}  // namespace dalsegno::tools
