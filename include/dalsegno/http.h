#pragma once

// HTTP requests from workflows: every one is decided by policy as a call of the activity
// "http.request", then by the egress rules and, where it names net.connect, by policy about each
// address (docs/egress.md), and recorded with where it went.
//
//   registry: auto added = ds::http::add_http(registry, {.egress = rules});
//   workflow: RequestInput const asked{.url = "https://api.example.com/"};
//             auto reply = co_await ctx.call(ds::http::request, asked);

#include "dalsegno/activity.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"

#include <boost/describe/class.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::http {

struct HeaderField {
  std::string name;
  std::string value;

  friend bool operator==(HeaderField const&, HeaderField const&) = default;
};
BOOST_DESCRIBE_STRUCT(HeaderField, (), (name, value))

/// What to send. The body is text; `method` is GET when it is left out.
struct RequestInput {
  std::string url = {};
  std::optional<std::string> method = {};
  std::optional<std::vector<HeaderField>> headers = {};
  std::optional<std::string> body = {};

  friend bool operator==(RequestInput const&, RequestInput const&) = default;
};
BOOST_DESCRIBE_STRUCT(RequestInput, (), (url, method, headers, body))

/// What came back, whatever its status.
struct RequestOutput {
  std::uint16_t status = 0;
  std::vector<HeaderField> headers;        ///< what is not UTF-8 in a value is read as Latin-1
  std::optional<std::string> body;         ///< if it is UTF-8 …
  std::optional<std::string> body_base64;  ///< … else so
  /// Set when the answer is a redirect that was not followed, as the egress rules do not permit
  /// that or the request cannot be repeated there: where it leads, without the query. To go on,
  /// call again; that is decided anew.
  std::optional<std::string> redirect;

  friend bool operator==(RequestOutput const&, RequestOutput const&) = default;
};
BOOST_DESCRIBE_STRUCT(RequestOutput, (), (status, headers, body, body_base64, redirect))

/// Errors (types of ActivityFailed): "denied", "invalid_request", "tls_failed", "too_large",
/// "malformed", "too_many_redirects": never repeated; "unresolved", "unreachable", "timed_out",
/// "cut_off": repeated as the retry policy says. A POST, PUT, PATCH or DELETE carries, in the
/// header Idempotency-Key, the SHA-256 of the call's idempotency key unless the input sets one.
inline constexpr Activity<RequestInput, RequestOutput> request{"http.request",
                                                               {.honours_route = true}};

struct HttpOptions {
  std::string egress = {};  ///< the egress document (JSON, docs/egress.md); empty: all is denied
  std::string egress_name = "egress";  ///< how errors name it, for example its file
  std::filesystem::path ca_file = {};  ///< certificate authorities beside the machine's, PEM
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds head_timeout{60'000};  ///< until the head of the answer is there
  std::chrono::milliseconds idle_timeout{60'000};  ///< between two pieces of its body
  std::chrono::milliseconds total_timeout{300'000};
  std::size_t max_body_bytes = 4U << 20U;
};

/// Registers the activity "http.request".
/// Errors: Errc::invalid for a wrong document or file of authorities.
[[nodiscard]] Result<> add_http(Registry& registry, HttpOptions const& options);

}  // namespace dalsegno::http
