#include "activities/http/message.h"

#include <algorithm>
#include <array>

namespace dalsegno::http {
namespace {

constexpr std::array<std::string_view, 7> methods = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// Ours to write, or of one connection only (RFC 9110, section 7.6.1).
constexpr std::array<std::string_view, 13> reserved_headers = {"host",
                                                               "content-length",
                                                               "transfer-encoding",
                                                               "connection",
                                                               "keep-alive",
                                                               "proxy-connection",
                                                               "proxy-authorization",
                                                               "te",
                                                               "trailer",
                                                               "upgrade",
                                                               "expect",
                                                               "http2-settings",
                                                               "accept-encoding"};

constexpr std::array<std::string_view, 10> harmless_headers = {"accept",
                                                               "accept-language",
                                                               "cache-control",
                                                               "content-language",
                                                               "content-type",
                                                               "if-modified-since",
                                                               "if-none-match",
                                                               "pragma",
                                                               "range",
                                                               "user-agent"};

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

bool is_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

bool is_one_of(std::string_view name, auto const& list) {
  return std::ranges::any_of(list, [&](std::string_view entry) { return is_header(name, entry); });
}

}  // namespace

bool is_header(std::string_view text, std::string_view name) {
  auto const lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(text, name, [&](char a, char b) { return lower(a) == lower(b); });
}

std::string_view header(std::vector<Header> const& headers, std::string_view name) {
  auto const found = std::ranges::find_if(
      headers, [&](Header const& entry) { return is_header(entry.name, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

Result<> check(Request const& request) {
  if (std::ranges::find(methods, request.method) == methods.end())
    return Error(Errc::invalid,
                 "the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  bool const may_have_body = request.method != "GET" && request.method != "HEAD";
  if (!may_have_body && !request.body.empty())
    return Error(Errc::invalid, "a request with the method " + request.method + " has no body");
  if (request.body.size() > max_request_body_bytes)
    return Error(Errc::too_large, "the request's body has more than 64 MiB");
  if (request.headers.size() > max_request_headers)
    return Error(Errc::invalid, "the request has more than 100 headers");
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    auto const& [name, value] = request.headers[i];
    if (!is_token(name))
      return Error(Errc::invalid,
                   "header " + std::to_string(i + 1) + " has a name that is no token of HTTP");
    if (!is_value(value))
      return Error(Errc::invalid,
                   "the header " + name + " has a value with something other than printable ASCII");
    if (is_one_of(name, reserved_headers))
      return Error(Errc::invalid, "the header " + name + " is not the caller's to set");
    bytes += name.size() + value.size();
  }
  if (bytes > max_request_header_bytes)
    return Error(Errc::invalid, "the request's headers have more than 64 KiB");
  return {};
}

std::vector<Header> without_credentials(std::vector<Header> const& headers) {
  std::vector<Header> kept;
  std::ranges::copy_if(headers, std::back_inserter(kept), [](Header const& entry) {
    return is_one_of(entry.name, harmless_headers);
  });
  return kept;
}

}  // namespace dalsegno::http
