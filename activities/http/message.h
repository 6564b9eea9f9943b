#pragma once

#include "dalsegno/result.h"

#include <boost/describe/class.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::http {

struct Header {
  std::string name;
  std::string value;

  friend bool operator==(Header const&, Header const&) = default;
};
BOOST_DESCRIBE_STRUCT(Header, (), (name, value))

/// A request as its sender wants it.
struct Request {
  std::string method = "GET";  ///< GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
  std::string url = {};
  std::vector<Header> headers = {};
  std::string body = {};
};

struct Response {
  unsigned status = 0;
  std::vector<Header> headers;  ///< in their order; names as they came
  std::string body;             ///< empty when it was given away piece by piece
};

inline constexpr std::size_t max_request_headers = 100;
inline constexpr std::size_t max_request_header_bytes = 65'536;
inline constexpr std::size_t max_request_body_bytes = 64U << 20U;

/// Whether `text` is `name`, without regard to upper and lower case of ASCII.
[[nodiscard]] bool is_header(std::string_view text, std::string_view name);
/// The value of the first header of that name; "" when there is none.
[[nodiscard]] std::string_view header(std::vector<Header> const& headers, std::string_view name);

/// Checks what goes into a request's head: a known method; names that are tokens; values of
/// printable ASCII, blanks and tabs, so that none can end its line; no header that frames the
/// message or belongs to the connection (Host, Content-Length, Transfer-Encoding, Connection, …):
/// these are ours to write.
/// Errors: Errc::invalid; the detail names the header and never its value.
[[nodiscard]] Result<> check(Request const& request);

/// The headers that may follow a redirect to another origin: those that negotiate content and hold
/// no secret. All others might (Authorization, Cookie, X-Api-Key, …).
[[nodiscard]] std::vector<Header> without_credentials(std::vector<Header> const& headers);

}  // namespace dalsegno::http
