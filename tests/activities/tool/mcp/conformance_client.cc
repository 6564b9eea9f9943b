// The client under test of the MCP conformance suite: `mcp_conformance_client URL`, with
// MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_PROTOCOL_VERSION and MCP_CONFORMANCE_CONTEXT (JSON) in
// its environment. It does what a scenario wants to see and ends with 0 unless something failed.

#include "activities/http/network_transport.h"
#include "activities/tool/mcp/client.h"
#include "activities/tool/mcp/client_credentials.h"
#include "activities/tool/mcp/http_transport.h"
#include "dalsegno/json.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::mcp {
namespace {

std::string variable(char const* name) {
  auto const* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

void say(std::string const& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

/// Arguments that a tool's schema permits, more or less: what it requires.
Json arguments_for(Json const& schema) {
  Json out{Json::Object{}};
  auto const* const required = schema.find("required");
  auto const* const properties = schema.find("properties");
  if (required == nullptr || required->as_array() == nullptr || properties == nullptr) return out;
  for (auto const& name : *required->as_array()) {
    auto const* const property = properties->find(*name.as_string());
    auto const type = property == nullptr ? std::string_view() : property->text("type");
    Json value = 3;
    if (type == "string") value = "x";
    if (type == "boolean") value = true;
    if (type == "object") value = Json(Json::Object{});
    if (type == "array") value = Json(Json::Array{});
    out.set(*name.as_string(), std::move(value));
  }
  return out;
}

class Driver {
 public:
  Driver(Client& client, std::string scenario, Json context)
      : client_(client), scenario_(std::move(scenario)), context_(std::move(context)) {}

  int run() {
    auto const list = client_.list_tools();
    if (!list) return failed("tools/list", list.error());
    for (auto const& why : list->refused) say("refused: " + why);
    if (scenario_ == "initialize" || scenario_ == "json-schema-ref-no-deref") return 0;
    if (scenario_ == "json-schema-2020-12-preservation") return echo_schema(*list);
    if (auto const* const calls = context_.find("toolCalls"); calls != nullptr && calls->as_array())
      return make_calls(*list, *calls->as_array());
    for (auto const& tool : list->tools) {
      auto const* const schema = tool.definition.find("inputSchema");
      call(tool.name, arguments_for(*schema));
      // A state that comes with one call must not get into another.
      if (tool.name == "test_mrtr_echo_state") call("test_mrtr_unrelated", Json(Json::Object{}));
    }
    if (scenario_ == "http-standard-headers") {
      read_one("resources/list", "resources", "resources/read", "uri");
      read_one("prompts/list", "prompts", "prompts/get", "name");
    }
    return 0;
  }

 private:
  static int failed(std::string const& what, Fault const& fault) {
    say(what + ": " + fault.type + ": " + fault.message);
    return 1;
  }
  int call(std::string const& name, Json const& arguments) {
    auto const result = client_.call_tool(name, arguments);
    if (!result) return failed(name, result.error());
    say(name + ": " + to_string(*result).substr(0, 300));
    return 0;
  }
  int echo_schema(ToolList const& list) {
    for (auto const& tool : list.tools)
      if (tool.name == "json_schema_2020_12_tool") {
        Json arguments;
        arguments.set("schema", *tool.definition.find("inputSchema"));
        return call("json_schema_echo", std::move(arguments));
      }
    say("there is no json_schema_2020_12_tool");
    return 1;
  }
  int make_calls(ToolList const& list, Json::Array const& calls) {
    int worst = 0;
    for (auto const& wanted : calls)
      for (auto const& tool : list.tools)
        if (tool.name == wanted.text("name"))
          worst |= call(tool.name, wanted.find("arguments") ? *wanted.find("arguments") : Json());
    return worst;
  }
  void read_one(std::string const& list,
                std::string const& member,
                std::string const& get,
                std::string const& key) {
    auto const listed = client_.request(list, {}, {});
    auto const* const items = listed ? listed->find(member) : nullptr;
    if (items == nullptr || items->as_array() == nullptr || items->as_array()->empty()) return;
    Json params;
    params.set(key, items->as_array()->front().text(key));
    if (get == "prompts/get") params.set("arguments", Json(Json::Object{}));
    auto const got = client_.request(get, params, {});
    if (!got) failed(get, got.error());
  }

  Client& client_;
  std::string scenario_;
  Json context_;
};

/// Everything on this machine: authorization servers of the suite listen on ports of their own.
constexpr std::string_view this_machine = R"({"dalsegno_egress": 1, "rules": [{"id": "this-machine",
  "hosts": ["localhost", "127.0.0.1"], "schemes": ["http"], "ports": ["1-65535"], "addresses": ["127.0.0.0/8", "::1"]}]})";

int run(std::string const& url) {
  auto const scenario = variable("MCP_CONFORMANCE_SCENARIO");
  auto const version = variable("MCP_CONFORMANCE_PROTOCOL_VERSION");
  auto const context_text = variable("MCP_CONFORMANCE_CONTEXT");
  auto context = parse_json(context_text.empty() ? "{}" : context_text);
  if (!context) {
    say(context.error().detail);
    return 2;
  }
  auto rules = http::EgressRules::parse(this_machine);
  auto transport = http::NetworkTransport::make();
  if (!rules || !transport) {
    say((rules ? transport.error() : rules.error()).detail);
    return 2;
  }
  http::SystemResolver resolver;
  http::EgressGuard const guard(std::move(*rules), resolver);
  http::Client const http(guard, **transport);
  std::unique_ptr<ClientCredentials> credentials;
  if (scenario.starts_with("auth/"))
    credentials = std::make_unique<ClientCredentials>(
        http,
        url,
        ClientCredentialsOptions{.client_id = std::string(context->text("client_id")),
                                 .client_secret = std::string(context->text("client_secret")),
                                 .private_key = std::string(context->text("private_key_pem")),
                                 .algorithm = context->find("signing_algorithm")
                                                  ? std::string(context->text("signing_algorithm"))
                                                  : "ES256"});
  HttpOptions how{.url = url};
  // This scenario takes any GET for the resumption that it waits for.
  how.listens = scenario != "sse-retry";
  ClientOptions options;
  options.on_elicitation = accept_defaults;
  // The suite's servers speak one revision, and count what is said in another as an error.
  if (!version.empty()) options.era = version < stateless_version ? Era::sessions : Era::stateless;
  Client client(
      [&](Peer& peer) {
        return std::make_unique<HttpTransport>(http, how, credentials.get(), peer);
      },
      options);
  auto const result = Driver(client, scenario, *context).run();
  client.close();
  return result;
}

}  // namespace
}  // namespace dalsegno::mcp

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return dalsegno::mcp::run(argv[argc - 1]);
}
