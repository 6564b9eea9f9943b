#include "activities/tool/http_request.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace dalsegno::tools {
namespace {

/// Percent-encoded but for what RFC 3986 (2.3) calls unreserved.
std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (char const c : text) {
    bool const is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    auto const byte = static_cast<unsigned char>(c);
    if (is_plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 0xfU];
    }
  }
  return out;
}

/// A text, number or truth value as it stands in a URL or header.
std::optional<std::string> plain(Json const& value) {
  if (auto const* const text = value.as_string()) return *text;
  if (value.is_number() || value.as_bool() != nullptr) return to_string(value);
  return std::nullopt;
}

bool has_body(std::string_view method) {
  return method != "GET" && method != "HEAD" && method != "DELETE";
}

/// One request in the making.
class Builder {
 public:
  explicit Builder(HttpTool const& tool) : tool_(tool) {
    request_.method = tool.method;
    request_.url = tool.url;
  }

  std::expected<http::Request, std::string> build(Json const& arguments) {
    if (auto const* const object = arguments.as_object())
      for (auto const& [name, value] : *object) add(name, value);
    for (auto const& name : placeholders(request_.url))
      note("the argument \"" + name + "\" is missing");
    if (!query_.empty()) request_.url += (request_.url.contains('?') ? "&" : "?") + query_;
    if (!body_.is_null()) {
      request_.body = canonical(body_);
      request_.headers.push_back({"Content-Type", "application/json"});
    }
    if (wrong_) return std::unexpected(*wrong_);
    return std::move(request_);
  }

 private:
  void note(std::string what) {
    if (!wrong_) wrong_ = std::move(what);
  }

  void add(std::string const& name, Json const& value) {
    if (name == tool_.body_argument) {
      body_ = value;
      return;
    }
    switch (place_of(tool_, name)) {
      case HttpPlace::path:
        return add_to_path(name, value);
      case HttpPlace::query:
        return add_to_query(name, value);
      case HttpPlace::header:
        return add_header(name, value);
      case HttpPlace::body_member:
        body_.set(name, value);
        return;
    }
  }

  void add_to_path(std::string const& name, Json const& value) {
    auto const text = plain(value);
    if (!text) return note("at /" + name + ": expected a text or a number, as it goes into a URL");
    // These would lead to another place than the tool's.
    if (text->empty() || *text == "." || *text == "..")
      return note("at /" + name + ": \"" + *text + "\" cannot be part of a path");
    auto const braces = "{" + name + "}";
    auto const at = request_.url.find(braces);
    if (at == std::string::npos) return;
    request_.url.replace(at, braces.size(), encoded(*text));
  }

  void add_to_query(std::string const& name, Json const& value) {
    auto const add_one = [&](Json const& each) {
      auto const text = plain(each);
      if (!text) return note("at /" + name + ": expected a text, a number or a list of these");
      query_ += (query_.empty() ? "" : "&") + encoded(name) + "=" + encoded(*text);
    };
    if (auto const* const list = value.as_array())
      std::ranges::for_each(*list, add_one);
    else if (!value.is_null())
      add_one(value);
  }

  void add_header(std::string const& name, Json const& value) {
    if (value.is_null()) return;
    auto text = plain(value);
    if (!text)
      return note("at /" + name + ": expected a text or a number, as it goes into a header");
    request_.headers.push_back({name, std::move(*text)});
  }

  HttpTool const& tool_;
  http::Request request_;
  std::string query_;
  Json body_;
  std::optional<std::string> wrong_;
};

}  // namespace

std::vector<std::string> placeholders(std::string_view url) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; (begin = url.find('{', begin)) != std::string_view::npos;) {
    auto const end = url.find('}', begin);
    if (end == std::string_view::npos) break;
    names.emplace_back(url.substr(begin + 1, end - begin - 1));
    begin = end;
  }
  return names;
}

HttpPlace place_of(HttpTool const& tool, std::string_view argument) {
  if (auto const known = tool.places.find(std::string(argument)); known != tool.places.end())
    return known->second;
  if (tool.url.contains("{" + std::string(argument) + "}")) return HttpPlace::path;
  return has_body(tool.method) ? HttpPlace::body_member : HttpPlace::query;
}

std::expected<http::Request, std::string> request_for(HttpTool const& tool, Json const& arguments) {
  return Builder(tool).build(arguments);
}

}  // namespace dalsegno::tools
