#include "activities/http/connect_policy.h"
#include "activities/http/dial_plan.h"
#include "activities/http/network_transport.h"
#include "activities/http/own_hosts.h"
#include "activities/tool/mcp/client.h"
#include "activities/tool/mcp/client_credentials.h"
#include "activities/tool/mcp/http_transport.h"
#include "activities/tool/mcp/stdio_transport.h"
#include "activities/tool/tool_answer.h"
#include "activities/tool/tool_definition.h"
#include "dalsegno/agent.h"
#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "dalsegno/tools.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

namespace dalsegno::tools {
namespace {

using Clock = std::chrono::steady_clock;

/// The least that a list is believed, whatever its server says.
constexpr std::chrono::milliseconds least_freshness{1'000};

// ---- what is configured ----

Error wrong(McpOptions const& options, std::string const& why) {
  return Error{Errc::invalid, "the MCP server \"" + options.name + "\": " + why};
}

Result<> check(McpOptions const& options) {
  if (options.process.command.empty() == options.endpoint.url.empty())
    return wrong(options, "it needs a command or a URL, and only one of them");
  auto variables = options.process.environment;
  variables.insert(variables.end(), options.process.secrets.begin(), options.process.secrets.end());
  for (auto const& [name, value] : variables)
    if (name.empty() || name.contains('=') || name.contains('\0') || value.contains('\0'))
      return wrong(options, "a variable of its environment has no name, or one that is none");
  for (auto const& part : options.process.command)
    if (part.contains('\0')) return wrong(options, "its command has a zero byte");
  if (!std::ranges::all_of(options.endpoint.token, [](char c) { return c > 0x20 && c < 0x7f; }))
    return wrong(options, "its token has something other than printable ASCII");
  return {};
}

/// Later ones count for more.
std::vector<std::pair<std::string, std::string>> environment_of(McpProcess const& process) {
  std::map<std::string, std::string> all;
  auto const inherit = [&](std::string const& name) {
    auto const* const value =
        std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (value != nullptr) all[name] = value;
  };
  for (auto const* const name : {"HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"})
    inherit(name);
  for (auto const& name : process.inherits) inherit(name);
  for (auto const& [name, value] : process.environment) all[name] = value;
  for (auto const& [name, value] : process.secrets) all[name] = value;
  return {all.begin(), all.end()};
}

// ---- errors ----

[[noreturn]] void fail(std::string const& type, std::string const& message) {
  throw ActivityError(type, message, ActivityError::Retry::forbidden);
}

[[noreturn]] void fail(std::string const& server, mcp::Fault const& fault) {
  ActivityError error(
      fault.type,
      server + ": " + fault.message,
      fault.retryable ? ActivityError::Retry::allowed : ActivityError::Retry::forbidden);
  if (fault.retryable && fault.retry_after) error = error.after(*fault.retry_after);
  throw fault.outcome_unknown ? error.with_unknown_outcome() : error;
}

// ---- the server ----

/// What stands between us and an endpoint.
struct Way {
  Way(http::EgressRules rules, std::unique_ptr<http::NetworkTransport> network)
      : guard(std::move(rules), resolver),
        transport(std::move(network)),
        client(guard, *transport) {}

  http::SystemResolver resolver;
  http::EgressGuard guard;
  std::unique_ptr<http::NetworkTransport> transport;
  http::Client client;
};

/// One server with its tools, as long as it is registered.
class Server {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Server>> make(McpOptions const& options);

  Server(McpOptions options, std::unique_ptr<Way> way);

  /// What it offers now.
  [[nodiscard]] Result<McpServer> list();
  void pin(Definition definition) {
    auto name = definition.tool.origin;
    pinned_.insert_or_assign(std::move(name), std::move(definition));
  }
  [[nodiscard]] ActivityReply perform(ActivityContext const& context,
                                      std::string const& origin,
                                      std::string_view input);

 private:
  struct Listed {
    std::map<std::string, McpTool> tools;
    std::uint64_t version = 0;
    Clock::time_point until{};
  };

  [[nodiscard]] std::unique_ptr<mcp::Transport> make_transport(mcp::Peer& peer);
  [[nodiscard]] mcp::RequestOptions how(ActivityContext const& context) const;
  [[nodiscard]] mcp::OrFault<> refresh(mcp::RequestOptions const& how);
  /// The description that holds: the pinned one, or one that was allowed later.
  [[nodiscard]] Definition current(Definition const& pinned, mcp::RequestOptions const& how);
  void check_arguments(Definition const& definition, Json const& arguments) const;
  [[nodiscard]] ActivityReply reply_of(Definition const& definition, Json const& result) const;

  McpOptions const options_;
  std::unique_ptr<Way> way_;                             // null: a process
  std::unique_ptr<mcp::ClientCredentials> credentials_;  // may be null
  std::map<std::string, Definition> pinned_;             // filled before the first call
  mcp::Client client_;
  std::mutex mutex_;
  // Guarded by mutex_.
  Listed listed_;
  std::vector<std::string> refused_;
};

mcp::ClientOptions client_options(McpOptions const& options) {
  mcp::ClientOptions out;
  out.answer_time = options.answer_time;
  out.longest_time = options.longest_call;
  out.on_elicitation = options.on_elicitation;
  return out;
}

Server::Server(McpOptions options, std::unique_ptr<Way> way)
    : options_(std::move(options)),
      way_(std::move(way)),
      client_([this](mcp::Peer& peer) { return make_transport(peer); }, client_options(options_)) {}

Result<std::shared_ptr<Server>> Server::make(McpOptions const& options) {
  TRY_VOID(check(options));
  std::unique_ptr<Way> way;
  if (!options.endpoint.url.empty()) {
    auto const plan = http::DialPlan::parse(options.endpoint.url);
    if (!plan) return wrong(options, plan.error().detail);
    TRY(auto rules,
        http::EgressRules::parse(options.endpoint.egress.empty()
                                     ? http::egress_for({&*plan, 1}, "mcp-server")
                                     : options.endpoint.egress,
                                 options.endpoint.egress_name));
    TRY(auto transport,
        http::NetworkTransport::make({.system_roots = true, .ca_file = options.endpoint.ca_file}));
    way = std::make_unique<Way>(std::move(rules), std::move(transport));
  }
  return std::make_shared<Server>(options, std::move(way));
}

std::unique_ptr<mcp::Transport> Server::make_transport(mcp::Peer& peer) {
  if (!way_) {
    mcp::StdioOptions stdio;
    stdio.process = {.command = options_.process.command,
                     .environment = environment_of(options_.process),
                     .directory = options_.process.directory,
                     .memory_bytes = options_.process.memory_bytes,
                     .cpu_time = options_.process.cpu_time};
    stdio.message_bytes = options_.max_answer_bytes;
    return std::make_unique<mcp::StdioTransport>(std::move(stdio), peer);
  }
  mcp::HttpOptions http{.url = options_.endpoint.url, .message_bytes = options_.max_answer_bytes};
  if (!options_.endpoint.token.empty())
    http.headers.push_back({"Authorization", "Bearer " + options_.endpoint.token});
  if (auto const& mine = options_.endpoint.credentials; !mine.client_id.empty())
    credentials_ = std::make_unique<mcp::ClientCredentials>(
        way_->client,
        options_.endpoint.url,
        mcp::ClientCredentialsOptions{.client_id = mine.client_id,
                                      .client_secret = mine.client_secret,
                                      .private_key = mine.private_key,
                                      .algorithm = mine.algorithm,
                                      .scope = mine.scope});
  return std::make_unique<mcp::HttpTransport>(
      way_->client, std::move(http), credentials_.get(), peer);
}

Result<McpServer> Server::list() {
  if (auto const done = refresh({}); !done)
    return Error{Errc::unavailable,
                 "the MCP server \"" + options_.name + "\": " + done.error().message};
  McpServer out;
  std::set<std::string> names;
  std::scoped_lock const lock(mutex_);
  out.refused = refused_;
  for (auto const& entry : listed_.tools) {
    auto const& origin = entry.first;
    auto const& tool = entry.second;
    bool const is_wanted =
        options_.only.empty() || std::ranges::find(options_.only, origin) != options_.only.end();
    if (!is_wanted) continue;
    auto const refuse = [&](std::string const& why) {
      out.refused.push_back("\"" + mcp::presentable(origin, 100) + "\": " + why);
    };
    if (auto const read = read_definition(tool); !read)
      refuse(read.error().detail);
    else if (!names.insert(tool.name).second)
      refuse("another tool is called \"" + tool.name + "\"");
    else
      out.tools.push_back(tool);
  }
  std::ranges::sort(out.tools, {}, &McpTool::name);
  return out;
}

mcp::OrFault<> Server::refresh(mcp::RequestOptions const& how) {
  // Before it is asked for: what changes meanwhile makes the answer old at once.
  if (auto const connected = client_.connect(how); !connected) return connected;
  auto const version = client_.list_version();
  {
    std::scoped_lock const lock(mutex_);
    if (listed_.version == version && Clock::now() < listed_.until) return {};
  }
  auto list = client_.list_tools(how);
  if (!list) return std::unexpected(list.error());
  Listed listed;
  listed.version = version;
  auto const fresh =
      list->fresh_for ? std::max(*list->fresh_for, least_freshness) : options_.list_age;
  listed.until = Clock::now() + std::min(fresh, options_.list_age);
  for (auto const& tool : list->tools) {
    auto described = describe(tool, options_.prefix);
    auto name = described.origin;
    listed.tools.emplace(std::move(name), std::move(described));
  }
  std::scoped_lock const lock(mutex_);
  listed_ = std::move(listed);
  refused_ = std::move(list->refused);
  return {};
}

Definition Server::current(Definition const& pinned, mcp::RequestOptions const& how) {
  if (auto const done = refresh(how); !done) {
    auto fault = done.error();
    fault.outcome_unknown = false;  // the tool was not called
    fail(options_.name, fault);
  }
  std::scoped_lock const lock(mutex_);
  auto const found = listed_.tools.find(pinned.tool.origin);
  if (found == listed_.tools.end())
    fail("tool_gone", options_.name + ": there is no tool \"" + pinned.tool.origin + "\" any more");
  auto const& now = found->second;
  if (now.digest == pinned.tool.digest) return pinned;
  if (std::ranges::find(options_.allowed, now.digest) == options_.allowed.end())
    fail("tool_changed",
         options_.name + ": the tool \"" + pinned.tool.origin +
             "\" is described otherwise than when it was pinned (" + differences(pinned.tool, now) +
             "): its digest is " + now.digest + ", pinned was " + pinned.tool.digest +
             "; it is not called until that digest is allowed");
  auto read = read_definition(now);
  if (!read) fail("tool_changed", options_.name + ": " + read.error().detail);
  return std::move(*read);
}

mcp::RequestOptions Server::how(ActivityContext const& context) const {
  mcp::RequestOptions out;
  out.stop = context.stop;
  out.reach = {
      .routes = context.routes,
      .policy = http::connect_policy(context),
      .on_contact = [&context](Contact contact) { context.contacted(std::move(contact)); }};
  return out;
}

void Server::check_arguments(Definition const& definition, Json const& arguments) const {
  auto const verdict = definition.arguments.check(arguments);
  if (verdict.fits()) return;
  fail(
      "invalid_arguments",
      "the arguments do not fit the tool \"" + definition.tool.name + "\":\n" + to_string(verdict));
}

ActivityReply Server::reply_of(Definition const& definition, Json const& result) const {
  auto answer = read_answer(result, options_.max_content_bytes);
  if (!answer) {
    fail(options_.name,
         mcp::Fault{.type = "malformed_answer",
                    .message = "the answer has no content",
                    .outcome_unknown = true});
  }
  auto const* const structured = result.find("structuredContent");
  if (definition.output && !answer->is_error) {
    auto const verdict = structured == nullptr
                             ? schema::Verdict{.problems = {{"", "there is no structured content"}}}
                             : definition.output->check(*structured);
    if (!verdict.fits()) {
      answer->is_error = true;
      answer->content = "the answer does not fit what the tool declares:\n" + to_string(verdict) +
                        "\n" + answer->content;
    }
  }
  return {.payload = to_json(agent::ToolReply{.content = std::move(answer->content)}),
          .is_error = answer->is_error};
}

ActivityReply Server::perform(ActivityContext const& context,
                              std::string const& origin,
                              std::string_view input) {
  auto const request = from_json<agent::ToolRequest>(input);
  if (!request) fail("input_mismatch", request.error().detail);
  auto const& pinned = pinned_.at(origin);
  auto const arguments = request->arguments.is_null() ? Json(Json::Object{}) : request->arguments;
  check_arguments(pinned, arguments);
  auto options = how(context);
  auto const definition = current(pinned, options);
  if (definition.tool.digest != pinned.tool.digest) check_arguments(definition, arguments);
  // Hashed, as the names of tenants and sessions are nobody's business outside.
  options.meta.set("dalsegno/idempotency-key",
                   storage::to_hex(storage::sha256({context.idempotency_key})));
  options.on_progress = [&context](Json const& params) {
    Json details;
    for (std::string_view const part : {"progress", "total"})
      if (auto const* const value = params.find(part); value != nullptr && value->is_number())
        details.set(part, *value);
    if (auto const message = params.text("message"); !message.empty())
      details.set("message", mcp::presentable(message, 500));
    context.heartbeat(details);
  };
  auto const result = client_.call_tool(origin, arguments, options);
  if (!result) fail(options_.name, result.error());
  return reply_of(definition, *result);
}

}  // namespace

Result<McpServer> add_mcp_server(Registry& registry, McpOptions const& options) {
  TRY(auto const server, Server::make(options));
  McpServer out;
  if (options.pinned.empty()) {
    TRY(out, server->list());
  } else {
    for (auto const& tool : options.pinned)
      if (options.only.empty() ||
          std::ranges::find(options.only, tool.origin) != options.only.end())
        out.tools.push_back(tool);
    std::ranges::sort(out.tools, {}, &McpTool::name);
  }
  for (auto const& tool : out.tools) {
    TRY(auto definition, read_definition(tool));
    server->pin(std::move(definition));
    auto const own = options.each_tool.find(tool.origin);
    auto known = own == options.each_tool.end() ? options.every_tool : own->second;
    known.honours_route = !options.endpoint.url.empty();
    ActivityHandler handler = [server, origin = tool.origin](ActivityContext const& context,
                                                             std::string_view input) {
      return server->perform(context, origin, input);
    };
    if (options.normal_answers)
      handler = tool::with_normal_answers(std::move(handler), *options.normal_answers);
    registry.add_tool(tool.name, std::move(handler), known);
  }
  return out;
}

Result<McpServer> list_mcp_tools(McpOptions const& options) {
  TRY(auto const server, Server::make(options));
  return server->list();
}

std::vector<model::Tool> for_model(std::vector<McpTool> const& tools) {
  std::vector<model::Tool> out;
  out.reserve(tools.size());
  for (auto const& tool : tools) out.push_back({tool.name, tool.description, tool.parameters});
  return out;
}

std::vector<KnownSecret> known_secrets(McpOptions const& options) {
  constexpr std::size_t least = 6;
  std::vector<KnownSecret> out;
  auto const add = [&](char const* kind, std::string const& value) {
    if (value.size() >= least) out.push_back({kind, value});
  };
  add("mcp_token", options.endpoint.token);
  add("mcp_client_secret", options.endpoint.credentials.client_secret);
  add("mcp_private_key", options.endpoint.credentials.private_key);
  for (auto const& [name, value] : options.process.secrets) add("mcp_secret", value);
  return out;
}

}  // namespace dalsegno::tools
