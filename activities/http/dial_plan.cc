#include "activities/http/dial_plan.h"

#include "activities/http/host_name.h"
#include "activities/http/url_path.h"
#include "dalsegno/try.h"
#include "storage/event/json_text.h"

#include <algorithm>
#include <charconv>

namespace dalsegno::http {
namespace {

Error wrong(std::string what) { return {Errc::invalid, "the URL " + std::move(what)}; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_scheme_byte(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/// What holds for every URL and reference, whatever is in it.
Result<> check_text(std::string_view text) {
  if (text.size() > max_url_bytes) return wrong("has more than 8,192 bytes");
  if (text.starts_with(' ') || text.ends_with(' ')) return wrong("has blanks around it");
  for (std::size_t i = 0; i < text.size();) {
    auto const byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f)
      return wrong("holds a control character at byte " + std::to_string(i));
    auto const length = byte < 0x80 ? 1 : storage::utf8_length(text.substr(i));
    if (length == 0) return wrong("is not UTF-8 at byte " + std::to_string(i));
    i += length;
  }
  auto const before_query = text.substr(0, text.find_first_of("?#"));
  if (before_query.contains('\\'))
    return wrong("holds a backslash, which some readers take for a slash");
  return {};
}

/// "http" of "http:…"; nothing when the reference has no scheme.
std::optional<std::string_view> scheme_of(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return std::nullopt;
  auto const end = std::ranges::find_if_not(text, is_scheme_byte);
  if (end == text.end() || *end != ':') return std::nullopt;
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

bool equal_ignoring_case(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || text[0] == '0')
    return wrong("has a port that is no number from 1 to 65535 without leading zeros");
  return port;
}

}  // namespace

std::string_view name_of(Scheme scheme) { return scheme == Scheme::http ? "http" : "https"; }
std::uint16_t default_port(Scheme scheme) { return scheme == Scheme::http ? 80 : 443; }

Result<> DialPlan::read_authority(std::string_view authority) {
  if (authority.contains('@')) return wrong("holds a user name or a password");
  if (authority.contains('%')) return wrong("has a percent sign in its host");
  bool const is_bracketed = authority.starts_with('[');
  auto const host_end = is_bracketed ? authority.find(']') : authority.find(':');
  if (is_bracketed && host_end == std::string_view::npos)
    return wrong("has an IPv6 address without its closing bracket");
  auto const host =
      is_bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end);
  auto const rest = host_end == std::string_view::npos
                        ? std::string_view()
                        : authority.substr(host_end + (is_bracketed ? 1 : 0));
  port_ = default_port(scheme_);
  if (!rest.empty()) {
    if (rest[0] != ':') return wrong("has something behind its host that is no port");
    TRY(port_, parse_port(rest.substr(1)));
  }
  if (host.empty()) return wrong("has no host");
  if (is_bracketed) {
    literal_ = parse_ipv6(host);
    if (!literal_) return wrong("has something in brackets that is no IPv6 address");
    host_ = '[' + to_string(*literal_) + ']';
    return {};
  }
  if (ends_in_number(host)) {
    literal_ = parse_ipv4(host);
    if (!literal_)
      return wrong(
          "has a host that ends in a number and is not four decimal numbers from 0 to 255");
    host_ = to_string(*literal_);
    return {};
  }
  TRY(host_, canonical_name(host));
  // Mapping must not have made a number of something else.
  if (ends_in_number(host_)) return wrong("has a host that is a number in disguise");
  return {};
}

Result<DialPlan> DialPlan::parse(std::string_view url) {
  TRY_VOID(check_text(url));
  auto const scheme = scheme_of(url);
  if (!scheme) return wrong("has no scheme");
  DialPlan plan;
  if (equal_ignoring_case(*scheme, "http")) {
    plan.scheme_ = Scheme::http;
  } else if (!equal_ignoring_case(*scheme, "https")) {
    return wrong("has a scheme other than http and https");
  }
  auto rest = url.substr(scheme->size() + 1);
  if (!rest.starts_with("//")) return wrong("has no // behind its scheme");
  rest.remove_prefix(2);
  auto const authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  TRY_VOID(plan.read_authority(rest.substr(0, authority_end)));
  plan.target_ = normal_target(rest.substr(authority_end));
  return plan;
}

Result<DialPlan> DialPlan::follow(std::string_view reference) const {
  TRY_VOID(check_text(reference));
  if (scheme_of(reference)) return parse(reference);
  if (reference.starts_with("//"))
    return parse(std::string(name_of(scheme_)) + ':' + std::string(reference));
  auto const own_path = std::string_view(target_).substr(0, target_.find('?'));
  auto const path_end = std::min(reference.find_first_of("?#"), reference.size());
  auto const path = reference.substr(0, path_end);
  auto plan = *this;
  if (path.starts_with('/')) {
    plan.target_ = normal_target(reference);
  } else if (!path.empty()) {
    // "a:b" without a scheme of two readers' agreement is written "./a:b" (RFC 3986, section 4.2).
    if (path.substr(0, path.find('/')).contains(':'))
      return wrong("is relative and has a colon in its first part");
    auto const folder = own_path.substr(0, own_path.rfind('/') + 1);
    plan.target_ = normal_target(std::string(folder) + std::string(reference));
  } else if (reference.starts_with('?')) {
    plan.target_ = normal_target(std::string(own_path) + std::string(reference));
  }
  return plan;
}

std::string DialPlan::authority() const {
  return port_ == default_port(scheme_) ? host_ : host_ + ':' + std::to_string(port_);
}

std::string to_string(DialPlan const& plan) {
  return std::string(name_of(plan.scheme())) + "://" + plan.authority() + plan.target();
}

std::string redacted(DialPlan const& plan) {
  auto const query = plan.target().find('?');
  auto text = std::string(name_of(plan.scheme())) + "://" + plan.authority() +
              plan.target().substr(0, query);
  if (query != std::string::npos) text += "?redacted";
  return text;
}

bool same_origin(DialPlan const& a, DialPlan const& b) {
  return a.scheme() == b.scheme() && a.host() == b.host() && a.port() == b.port();
}

}  // namespace dalsegno::http
