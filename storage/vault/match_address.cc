// Addresses of machines and mailboxes: IPv4, IPv6, MAC, e-mail. (Crypto addresses are in
// match_crypto.cc.)

#include "storage/vault/ascii.h"
#include "storage/vault/scan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::vault {
namespace {

/// The length of a dotted quad at the start of `text`; 0: none.
std::size_t quad_length(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && at_or_nul(text, at++) != '.') return 0;
    int value = 0;
    auto const begin = at;
    while (at < text.size() && is_digit(text[at]) && at - begin < 4)
      value = value * 10 + (text[at++] - '0');
    if (at == begin || at - begin > 3 || value > 255) return 0;
    if (at - begin > 1 && text[begin] == '0') return 0;
  }
  return at;
}

/// "/24" behind an address.
std::size_t prefix_length(std::string_view behind, int most) {
  if (!behind.starts_with('/')) return 0;
  std::size_t at = 1;
  int value = 0;
  while (at < behind.size() && is_digit(behind[at]) && at < 4)
    value = value * 10 + (behind[at++] - '0');
  if (at == 1 || value > most || is_alnum(at_or_nul(behind, at))) return 0;
  return at;
}

/// RFC 4291, section 2.2.
bool is_ipv6(std::string_view text) {
  bool shortened = false;
  std::size_t groups = 0;
  std::size_t at = 0;
  if (text.starts_with("::")) {
    shortened = true;
    at = 2;
  } else if (text.starts_with(':')) {
    return false;
  }
  while (at < text.size()) {
    auto const rest = text.substr(at);
    if (auto const quad = quad_length(rest); quad == rest.size()) {
      groups += 2;
      break;
    }
    std::size_t digits = 0;
    while (digits < rest.size() && is_hex(rest[digits])) ++digits;
    if (digits == 0 || digits > 4) return false;
    ++groups;
    at += digits;
    if (at == text.size()) break;
    if (text[at] != ':') return false;
    ++at;
    if (at == text.size()) return false;
    if (text[at] == ':') {
      if (shortened) return false;
      shortened = true;
      ++at;
    }
  }
  return shortened ? groups < 8 : groups == 8;
}

bool match_mac(Scan& scan, std::size_t first, char separator) {
  // Six pairs; `first` is where the first separator stands.
  if (first < 2) return false;
  auto const begin = first - 2;
  for (std::size_t i = 0; i < 17; ++i) {
    char const c = scan.at(begin + i);
    if (i % 3 == 2 ? c != separator : !is_hex(c)) return false;
  }
  char const behind = scan.at(begin + 17);
  if (is_alnum(scan.before(begin)) || is_alnum(behind) ||
      (behind == separator && is_hex(scan.at(begin + 18))))
    return false;
  if (scan.before(begin) == separator) return false;
  auto const text = scan.between(begin, begin + 17);
  auto const all = [&](std::string_view of) {
    return std::ranges::all_of(text, [&](char c) { return c == separator || of.contains(c); });
  };
  if (all("0") || all("fF")) return false;  // none, and everybody
  scan.add({begin, begin + 17}, "mac", "mac", Evidence::format);
  return true;
}

void match_ipv6(Scan& scan, std::size_t at) {
  auto const part = [](char c) { return is_hex(c) || c == ':' || c == '.'; };
  Range range{at, at};
  while (range.begin > 0 && at - range.begin < 46 && part(scan.before(range.begin))) --range.begin;
  while (range.end - at < 46 && part(scan.at(range.end))) ++range.end;
  scan.addresses_until = range.end;
  if (is_alnum(scan.before(range.begin)) || is_alnum(scan.at(range.end)) ||
      scan.at(range.end) == '_' || scan.before(range.begin) == '_')
    return;
  while (range.end > range.begin &&
         (scan.before(range.end) == '.' ||
          (scan.before(range.end) == ':' && !scan.between(range.begin, range.end).ends_with("::"))))
    --range.end;
  auto const text = scan.between(range.begin, range.end);
  if (text.size() < 2 || !is_ipv6(text)) return;
  auto const cidr = prefix_length(scan.text().substr(range.end), 128);
  if (text == "::" && cidr == 0) {
    // In programs it joins names.
    char const before = scan.before(range.begin);
    char const behind = scan.at(range.end);
    char const next = scan.at(range.end + 1);
    bool const ends = behind == '\0' || behind == '\n' ||
                      (std::string_view(",.;)]").contains(behind) && !is_letter(next));
    if (!ends || !(before == ' ' || before == '\0' || before == '[')) return;
  }
  // Few letters alone are names in a program rather ("a::b", "f::add").
  if (!text.starts_with("::") && std::ranges::count(text, ':') < 4 &&
      std::ranges::none_of(text, is_digit))
    return;
  range.end += cidr;
  // "%eth0": on which interface.
  if (cidr == 0 && scan.at(range.end) == '%' && is_alnum(scan.at(range.end + 1))) {
    ++range.end;
    while (is_alnum(scan.at(range.end)) && range.end - at < 96) ++range.end;
  }
  scan.add(range, "ip", "ip", Evidence::format);
}

bool in_local_part(char c) {
  return is_alnum(c) || std::string_view(".!#$%&'*+-/=?^_`{|}~").contains(c) ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

void match_ipv4(Scan& scan, Range run) {
  if (run.end - run.begin > 3 || scan.at(run.end) != '.') return;
  char const before = scan.before(run.begin);
  if (is_alnum(before) || before == '.' || before == '_' || before == '-') return;
  auto const length = quad_length(scan.text().substr(run.begin));
  if (length == 0) return;
  Range range{run.begin, run.begin + length};
  char const behind = scan.at(range.end);
  if (is_alnum(behind) || behind == '_' || (behind == '.' && is_digit(scan.at(range.end + 1))) ||
      (behind == '-' && is_alnum(scan.at(range.end + 1))))
    return;
  static std::vector<std::string> const numbered{
      "version", "release", "firmware", "build", "section", "chapter", "clause"};
  if (scan.has_context_within(range, numbered, 16, 0)) return;
  // The end of what is no IPv6 address.
  if (before == ':' && range.begin < scan.addresses_until) return;
  range.end += prefix_length(scan.text().substr(range.end), 32);
  scan.add(range, "ip", "ip", Evidence::format);
}

void match_colon(Scan& scan, std::size_t at) {
  if (at < scan.addresses_until) return;
  char const next = scan.at(at + 1);
  if (next != ':' && !(is_hex(next) && is_hex(scan.before(at)))) return;
  if (match_mac(scan, at, ':')) {
    scan.addresses_until = at + 15;
    return;
  }
  match_ipv6(scan, at);
}

void match_dash(Scan& scan, std::size_t at) {
  if (at < scan.addresses_until || scan.at(at + 3) != '-' || !is_hex(scan.at(at + 1))) return;
  if (match_mac(scan, at, '-')) scan.addresses_until = at + 15;
}

void match_dot(Scan& scan, std::size_t at) {
  // Three groups of four, as some routers write a MAC address.
  if (at < 4 || scan.at(at + 5) != '.') return;
  auto const begin = at - 4;
  bool digits = false;
  for (std::size_t i = 0; i < 14; ++i) {
    char const c = scan.at(begin + i);
    if (i % 5 == 4 ? c != '.' : !is_hex(c)) return;
    digits = digits || is_digit(c);
  }
  if (is_alnum(scan.before(begin)) || scan.before(begin) == '.' || is_alnum(scan.at(begin + 14)) ||
      !digits)
    return;
  if (scan.at(begin + 14) == '.' && is_alnum(scan.at(begin + 15))) return;
  scan.add({begin, begin + 14}, "mac", "mac", Evidence::format);
}

void match_email(Scan& scan, std::size_t at) {
  Range range{at, at + 1};
  while (range.begin > 0 && at - range.begin < 64 && in_local_part(scan.before(range.begin)))
    --range.begin;
  // Quotes and the like may stand before an address, but do not begin one.
  while (range.begin < at && !is_alnum(scan.at(range.begin)) &&
         static_cast<unsigned char>(scan.at(range.begin)) < 0x80 && scan.at(range.begin) != '_' &&
         scan.at(range.begin) != '+')
    ++range.begin;
  // `to=a@b.c`, `mailto/a@b.c`, `a|b@c.d`: the address begins behind the sign.
  for (auto i = range.begin; i < at; ++i)
    if (std::string_view("=/|?&`'{}").contains(scan.at(i))) range.begin = i + 1;
  if (range.begin == at || scan.before(at) == '.') return;
  auto last_dot = std::string_view::npos;
  while (range.end - at < 254) {
    char const c = scan.at(range.end);
    bool const double_dash = c == '-' && scan.at(range.end + 1) == '-';
    if (is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 || double_dash) {
      ++range.end;
    } else if ((c == '.' || c == '-') && is_alnum(scan.at(range.end + 1)) && range.end > at + 1) {
      if (c == '.') last_dot = range.end;
      ++range.end;
    } else {
      break;
    }
  }
  if (last_dot == std::string_view::npos) return;
  auto const top = scan.between(last_dot + 1, range.end);
  bool const letters = top.size() >= 2 && std::ranges::none_of(top, is_digit) && !top.contains('-');
  if (!letters && !top.starts_with("xn--")) return;
  // `git@host:path` is a place, not a person.
  if (scan.between(range.begin, at) == "git" &&
      (scan.at(range.end) == ':' || scan.at(range.end) == '/'))
    return;
  scan.add(range, "email", "email", Evidence::format);
}

}  // namespace dalsegno::vault
