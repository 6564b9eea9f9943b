#include "activities/http/address.h"

#include <algorithm>
#include <charconv>

namespace dalsegno::http {
namespace {

/// A decimal number without sign and leading zeros, at most `max`.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned max) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (char const c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

/// One to four hexadecimal digits.
std::optional<std::uint16_t> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::uint16_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Groups {
  std::array<std::uint16_t, 8> values{};
  std::size_t count = 0;

  bool add(std::uint16_t value) {
    if (count == values.size()) return false;
    values[count++] = value;
    return true;
  }
};

/// Groups apart by colons; none if the text is empty. The last may be an IPv4 address, which is
/// two, if `with_ipv4`.
std::optional<Groups> parse_groups(std::string_view text, bool with_ipv4) {
  Groups groups;
  while (!text.empty()) {
    auto const colon = text.find(':');
    auto const part = text.substr(0, colon);
    bool const is_last = colon == std::string_view::npos;
    if (is_last && with_ipv4 && part.contains('.')) {
      auto const address = parse_ipv4(part);
      if (!address) return std::nullopt;
      auto const& bytes = address->bytes();
      for (std::size_t i = 0; i < 4; i += 2)
        if (!groups.add(static_cast<std::uint16_t>(bytes[i] << 8 | bytes[i + 1])))
          return std::nullopt;
      return groups;
    }
    auto const value = parse_group(part);
    if (!value || !groups.add(*value)) return std::nullopt;
    if (is_last) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;  // ended with a colon
  }
  return groups;
}

Address from_groups(std::array<std::uint16_t, 8> const& groups) {
  Address::Bytes bytes{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return Address::v6(bytes);
}

std::string print_v6(Address const& address) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i)
    groups[i] = static_cast<unsigned>(address.bytes()[2 * i] << 8 | address.bytes()[2 * i + 1]);
  // The longest run of two zeros or more is left out; the first of several.
  std::size_t best = 0;
  std::size_t best_length = 1;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::size_t length = 0;
    while (i + length < groups.size() && groups[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (best_length > 1 && i == best) {
      text += "::";
      i += best_length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[4];
    auto const end = std::to_chars(std::begin(digits), std::end(digits), groups[i], 16).ptr;
    text.append(std::begin(digits), end);
  }
  return text;
}

}  // namespace

std::optional<Address> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    auto const dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    auto const number = parse_decimal(text.substr(0, dot), 255);
    if (!number) return std::nullopt;
    value = value << 8 | *number;
    text.remove_prefix(part < 3 ? dot + 1 : dot);
  }
  return Address::v4(value);
}

std::optional<Address> parse_ipv6(std::string_view text) {
  auto const gap = text.find("::");
  if (gap == std::string_view::npos) {
    auto const groups = parse_groups(text, true);
    if (!groups || groups->count != 8) return std::nullopt;
    return from_groups(groups->values);
  }
  auto const head = parse_groups(text.substr(0, gap), false);
  auto const tail = parse_groups(text.substr(gap + 2), true);
  if (!head || !tail || head->count + tail->count > 7) return std::nullopt;
  auto all = head->values;
  std::copy_n(
      tail->values.begin(), tail->count, all.end() - static_cast<std::ptrdiff_t>(tail->count));
  return from_groups(all);
}

std::optional<Address> parse_address(std::string_view text) {
  return text.contains(':') ? parse_ipv6(text) : parse_ipv4(text);
}

std::string to_string(Address const& address) {
  if (address.is_v6()) return print_v6(address);
  std::string text;
  for (std::size_t i = 0; i < 4; ++i)
    text += (i == 0 ? "" : ".") + std::to_string(address.bytes()[i]);
  return text;
}

std::optional<Network> parse_network(std::string_view text) {
  auto const slash = text.find('/');
  auto const first = parse_address(text.substr(0, slash));
  if (!first) return std::nullopt;
  if (slash == std::string_view::npos) return Network{*first, first->bits()};
  auto const prefix = parse_decimal(text.substr(slash + 1), first->bits());
  if (!prefix) return std::nullopt;
  for (unsigned bit = *prefix; bit < first->bits(); ++bit)
    if ((first->bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  return Network{*first, *prefix};
}

std::string to_string(Network const& network) {
  return to_string(network.first) + '/' + std::to_string(network.prefix);
}

}  // namespace dalsegno::http
