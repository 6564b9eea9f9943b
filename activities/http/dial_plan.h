#pragma once

#include "activities/http/address.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::http {

enum class Scheme : std::uint8_t { http, https };

[[nodiscard]] std::string_view name_of(Scheme scheme);
[[nodiscard]] std::uint16_t default_port(Scheme scheme);

inline constexpr std::size_t max_url_bytes = 8'192;

/// Where a request goes, read once from a URL. What is decided upon is what is dialled: after this
/// the URL's text is not used again, so no second reader can understand it in another way.
///
/// Every text in here is printable ASCII without blanks, so that it can stand in a request's head.
/// A value. Two URLs that mean the same give equal plans (host in lower case, default port, dot
/// segments resolved).
class DialPlan {
 public:
  /// Reads an absolute URL, strictly: http or https, `//`, host, port, path, query; the fragment is
  /// left out.
  ///
  /// Refused, though browsers take some of it: control characters and blanks around the URL,
  /// backslashes before the query, user names and passwords, percent signs in the host, IPv4
  /// addresses other than four decimal numbers, zones of IPv6 addresses, empty and odd ports (0,
  /// leading zeros), more or fewer than two slashes. In path and query, bytes that may not stand
  /// there are percent-encoded.
  /// Limits: `max_url_bytes`.
  /// Errors: Errc::invalid; the detail never repeats the URL, which may hold secrets.
  [[nodiscard]] static Result<DialPlan> parse(std::string_view url);

  /// Reads a reference relative to this plan, as in a Location header (RFC 3986, section 5.2); as
  /// strict as `parse`.
  [[nodiscard]] Result<DialPlan> follow(std::string_view reference) const;

  [[nodiscard]] Scheme scheme() const { return scheme_; }
  /// A name as `canonical_name` gives it, "192.0.2.1", or "[2001:db8::1]".
  [[nodiscard]] std::string const& host() const { return host_; }
  /// The address if the host is one: then nothing is resolved.
  [[nodiscard]] std::optional<Address> const& literal() const { return literal_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Path and query; begins with '/'.
  [[nodiscard]] std::string const& target() const { return target_; }
  /// The value of the header Host: the port only where it is not the scheme's own.
  [[nodiscard]] std::string authority() const;

  friend bool operator==(DialPlan const&, DialPlan const&) = default;

 private:
  DialPlan() = default;
  Result<> read_authority(std::string_view authority);

  Scheme scheme_ = Scheme::https;
  std::string host_;
  std::optional<Address> literal_;
  std::uint16_t port_ = 0;
  std::string target_ = "/";
};

/// The URL that `DialPlan::parse` reads as this plan.
[[nodiscard]] std::string to_string(DialPlan const& plan);
/// The same for records: "?redacted" in place of the query.
[[nodiscard]] std::string redacted(DialPlan const& plan);

/// Same scheme, host and port: what a server may be told twice.
[[nodiscard]] bool same_origin(DialPlan const& a, DialPlan const& b);

}  // namespace dalsegno::http
