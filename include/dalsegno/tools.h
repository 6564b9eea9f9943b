#pragma once

// Tools of MCP servers: programs on this machine, or services behind a URL (docs/tools.md).
//
//   ds::tools::McpOptions files;
//   files.name = "files";
//   files.process.command = {"mcp-server-filesystem", "/srv/papers"};
//   auto server = ds::tools::add_mcp_server(registry, files);
//   model.tools = ds::tools::for_model(server->tools);

#include "dalsegno/activity.h"
#include "dalsegno/json.h"
#include "dalsegno/model.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/runtime.h"
#include "dalsegno/tool_answers.h"

#include <boost/describe/class.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::tools {

/// A server that is a program: MCP over its standard streams.
struct McpProcess {
  std::vector<std::string> command = {};  ///< the program, looked up in PATH, and its arguments
  /// Variables for it, beside HOME, LANG, LOGNAME, PATH, TMPDIR, TZ and USER as we have them. Of
  /// our environment it gets nothing else but what `inherits` names.
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::vector<std::pair<std::string, std::string>> secrets = {};  ///< more, never to be recorded
  std::vector<std::string> inherits = {};
  std::filesystem::path directory = {};      ///< empty: ours
  std::uint64_t memory_bytes = 4ULL << 30U;  ///< of data; 0: no bound
  std::chrono::seconds cpu_time{0};          ///< over its life; 0: no bound
};

/// How this program proves who it is to the authorization server of an MCP server (OAuth 2.1,
/// client credentials).
struct McpCredentials {
  std::string client_id = {};       ///< empty: none are used
  std::string client_secret = {};   ///< or
  std::string private_key = {};     ///< PEM, and then
  std::string algorithm = "ES256";  ///< ES256, RS256 or EdDSA
  std::string scope = {};           ///< empty: what the server asks for
};

/// A server behind a URL: MCP over streamable HTTP.
struct McpEndpoint {
  std::string url = {};
  std::string token = {};  ///< sent as bearer token; never recorded, logged or said in an error
  McpCredentials credentials = {};
  /// The egress document (docs/egress.md). Empty: the URL's own host and port are permitted, a name
  /// only with addresses of the public internet, "localhost" only with those of this machine. With
  /// `credentials` it must permit the authorization server.
  std::string egress = {};
  std::string egress_name = "egress";
  std::filesystem::path ca_file = {};  ///< certificate authorities beside the machine's, PEM
};

/// A tool as its server described it.
struct McpTool {
  std::string name;    ///< by which models and workflows call it
  std::string origin;  ///< by which its server knows it
  std::string description;
  Json parameters;     ///< JSON Schema of its arguments
  Json output;         ///< JSON Schema of its structured answers; null: there are none
  std::string digest;  ///< of all that its server says of it; 64 hexadecimal digits
};
BOOST_DESCRIBE_STRUCT(McpTool, (), (name, origin, description, parameters, output, digest))

struct McpOptions {
  std::string name = "mcp";            ///< of the server, in errors
  std::string prefix = {};             ///< before the names of its tools
  McpProcess process = {};             ///< this …
  McpEndpoint endpoint = {};           ///< … or this
  std::vector<std::string> only = {};  ///< by its server's names; empty: all its tools

  /// What is known of its tools; what they say of themselves counts for nothing.
  ToolOptions every_tool = {.untrusted = true, .effect = EffectClass::at_most_once};
  std::map<std::string, ToolOptions> each_tool = {};  ///< by its server's name, in place of that

  /// The tools as somebody has read and approved them, with their digests. Empty: as the server
  /// describes them now.
  std::vector<McpTool> pinned = {};
  /// Digests of other descriptions of them that will do, too.
  std::vector<std::string> allowed = {};
  /// How old the list may be when a tool is called; the server is asked for it again where it says
  /// that it has changed, too. 0: before each call.
  std::chrono::milliseconds list_age{60'000};

  std::chrono::milliseconds answer_time{60'000};  ///< and again after each sign of progress
  std::chrono::milliseconds longest_call{600'000};
  std::size_t max_answer_bytes = 16U << 20U;    ///< of one message
  std::size_t max_content_bytes = 128U << 10U;  ///< of what the model is given; the rest is cut off
  /// The model is given answers in the normal form, and the log keeps them as they were, too;
  /// nothing: it is given them as they were.
  std::optional<tool::AnswerOptions> normal_answers = tool::AnswerOptions();

  /// Answers what a server asks a person during a call: `params` of elicitation/create, gives its
  /// result. It blocks the call. Empty: declines.
  std::function<Json(Json const& params)> on_elicitation = {};
};

struct McpServer {
  std::vector<McpTool> tools;  ///< in the order of their names
  /// Tools that cannot be used, and why: a schema that is none, a name that is taken.
  std::vector<std::string> refused;
};

/// Registers the tools of a server. They are asked with agent::ToolRequest and answer with
/// agent::ToolReply, so the built-in agent can call them, and so can
/// `ctx.tool<agent::ToolReply>(name, agent::ToolRequest{…})`.
///
/// Arguments are held against the tool's schema before anything leaves. An answer with "isError" is
/// an answer, given to the model. Types of failure, never repeated: "invalid_arguments" (the
/// message says where and what is expected), "tool_changed" (its description is not the pinned
/// one), "tool_gone", "refused", "unauthorized", "forbidden", "too_large", "malformed_answer",
/// "not_started", "cancelled", "denied", "input_required", "unknown_protocol",
/// "unexpected_status", "input_mismatch", "tls_failed", "malformed", "too_many_redirects",
/// "invalid_request". Repeated as the call's retry policy says: "server_ended",
/// "server_unavailable", "server_error", "timed_out", "session_lost", "unreachable", "unresolved",
/// "cut_off", "rate_limited", "unavailable". Where the server may have done what it was asked all
/// the same, that is said (ActivityError::with_unknown_outcome), and the effect class decides.
///
/// Without `pinned` the server is asked for its tools here; with it nothing is contacted before the
/// first call. A program that serves tools lives as long as the registry and its copies.
/// Errors: Errc::invalid for wrong options; Errc::unavailable when the server does not say what
/// tools it has; those of a wrong egress document or file of authorities.
[[nodiscard]] Result<McpServer> add_mcp_server(Registry& registry, McpOptions const& options);

/// The tools that a server has now, for somebody to read and to pin. Registers nothing.
[[nodiscard]] Result<McpServer> list_mcp_tools(McpOptions const& options);

/// As a model is told of them (model::Options::tools).
[[nodiscard]] std::vector<model::Tool> for_model(std::vector<McpTool> const& tools);

/// Token, secret and private key, and the values of `process.secrets`, for
/// RuntimeOptions::redaction.
/// Shorter than 6 bytes they cannot be found, and are left out.
[[nodiscard]] std::vector<KnownSecret> known_secrets(McpOptions const& options);

}  // namespace dalsegno::tools
