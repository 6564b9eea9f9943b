#pragma once

// Tools that are HTTP services: named one by one, or read from an OpenAPI document (docs/tools.md).
//
//   ds::tools::HttpToolsOptions orders;
//   orders.tools.push_back({.name = "order_status", .url = "https://api.example.com/orders/{id}",
//                           .parameters = …});
//   auto offered = ds::tools::add_http_tools(registry, orders);   // model.tools = *offered;

#include "dalsegno/http.h"
#include "dalsegno/json.h"
#include "dalsegno/model.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/runtime.h"
#include "dalsegno/tool_answers.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::tools {

/// Where an argument of a tool goes in its request.
enum class HttpPlace : std::uint8_t {
  path,        ///< in place of {name} in the URL
  query,       ///< name=value; a list: once for each item
  header,      ///< of that name
  body_member  ///< of the JSON object that is the body
};

/// One request that a model may have made.
struct HttpTool {
  std::string name = {};  ///< 1 to 64 of a-z, A-Z, 0-9, '_' and '-'
  std::string description = {};
  std::string method = "GET";
  std::string url = {};  ///< with {name} where arguments go into its path
  Json parameters = {};  ///< JSON Schema of an object; null: it takes none
  /// Those that are not named: as the URL's braces say, else into the query of a GET, HEAD or
  /// DELETE and the body of others.
  std::map<std::string, HttpPlace> places = {};
  /// The argument whose value is the whole body, as JSON; "": none is.
  std::string body_argument = {};
  ToolOptions options = {.untrusted = true, .effect = EffectClass::at_most_once};
};

struct HttpToolsOptions {
  std::vector<HttpTool> tools = {};
  std::vector<http::HeaderField> headers = {};  ///< of each request
  std::vector<http::HeaderField> secrets = {};  ///< more of them, never to be recorded
  /// The egress document (docs/egress.md). Empty: the tools' own hosts and ports are permitted,
  /// names only with addresses of the public internet, "localhost" only with those of this machine.
  std::string egress = {};
  std::string egress_name = "egress";
  std::filesystem::path ca_file = {};  ///< certificate authorities beside the machine's, PEM
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds answer_timeout{60'000};  ///< until its head, and between its pieces
  std::chrono::milliseconds total_timeout{300'000};
  std::size_t max_answer_bytes = 4U << 20U;
  std::size_t max_content_bytes = 128U << 10U;  ///< of what the model is given; the rest is cut off
  /// As in McpOptions.
  std::optional<tool::AnswerOptions> normal_answers = tool::AnswerOptions();
};

/// Registers the tools, to be asked and to answer as those of MCP servers are (dalsegno/tools.h).
/// Returns them as a model is told of them.
///
/// Arguments are held against the tool's schema before anything leaves, and into a path go no empty
/// texts, no "." and no "..". An answer with status 200 to 299 is the tool's; one of 300 to 499 is
/// an answer too, marked as an error, and given to the model. Types of failure, never repeated:
/// "invalid_arguments", "invalid_request", "denied", "tls_failed", "too_large", "malformed",
/// "too_many_redirects"; repeated as the call's retry policy says: "rate_limited" (429),
/// "unavailable" (503), "request_timeout" (408), all three not before Retry-After;
/// "server_error" (other 5xx), "unresolved", "unreachable", "timed_out", "cut_off". After
/// "server_error", "timed_out" and "cut_off" it may have been done all the same, and the effect
/// class decides. POST, PUT, PATCH and DELETE carry Idempotency-Key, as http.request does.
///
/// Errors: Errc::invalid, naming the tool: a name, URL, method or schema that is none, a {name}
/// that is no parameter, an argument that is a header of all requests; those of a wrong egress
/// document or file of authorities.
[[nodiscard]] Result<std::vector<model::Tool>> add_http_tools(Registry& registry,
                                                              HttpToolsOptions const& options);

/// What an OpenAPI document is read with.
struct OpenApiOptions {
  std::string url = {};                ///< of the service; "": the first of its "servers"
  std::string prefix = {};             ///< before the names of its tools
  std::vector<std::string> only = {};  ///< by operationId; empty: all
  ToolOptions every_tool = {.untrusted = true, .effect = EffectClass::at_most_once};
  std::map<std::string, ToolOptions> each_tool = {};  ///< by operationId, in place of that
};

/// The operations of an OpenAPI document, 3.0 or 3.1, in JSON. Each is named by its operationId,
/// else by method and path. Its arguments are those of its parameters (path, query, header), and
/// "body" for a body in JSON. References within the document are followed; those of schemas become
/// "$defs". Cookies and bodies of other types are not there.
/// Errors: Errc::invalid, naming the operation.
[[nodiscard]] Result<std::vector<HttpTool>> read_openapi(std::string_view document,
                                                         OpenApiOptions const& options = {});

/// The values of `secrets`, for RuntimeOptions::redaction; of "Bearer X" and "Basic X" also X.
/// Shorter than 6 bytes they cannot be found, and are left out.
[[nodiscard]] std::vector<KnownSecret> known_secrets(HttpToolsOptions const& options);

}  // namespace dalsegno::tools
