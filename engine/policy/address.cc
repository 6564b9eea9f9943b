#include "engine/policy/address.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <vector>

namespace dalsegno::engine {
namespace {

constexpr std::size_t v4_at = 12;  // where the four bytes of an IPv4 address stand

std::optional<unsigned> number(std::string_view text, int base, unsigned most, std::size_t digits) {
  if (text.empty() || text.size() > digits || text.starts_with('+') || text.starts_with('-'))
    return std::nullopt;
  if (base == 10 && text.size() > 1 && text.starts_with('0')) return std::nullopt;
  unsigned value = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (code != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

/// The parts of `text` between separators.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    auto const end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
  if (text.size() > 15) return std::nullopt;
  auto const parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::array<std::uint8_t, 4> out{};
  for (std::size_t i = 0; i < 4; ++i) {
    auto const value = number(parts[i], 10, 255, 3);
    if (!value) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(*value);
  }
  return out;
}

/// Groups of two bytes; the last may be dotted. "" gives none.
std::optional<std::vector<std::uint8_t>> parse_groups(std::string_view text, bool dotted_tail) {
  std::vector<std::uint8_t> out;
  if (text.empty()) return out;
  auto const parts = split(text, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (dotted_tail && i + 1 == parts.size() && parts[i].contains('.')) {
      auto const v4 = parse_v4(parts[i]);
      if (!v4) return std::nullopt;
      out.insert(out.end(), v4->begin(), v4->end());
      continue;
    }
    auto const group = number(parts[i], 16, 0xFFFF, 4);
    if (!group) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(*group >> 8U));
    out.push_back(static_cast<std::uint8_t>(*group & 0xFFU));
  }
  return out;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  if (text.size() > 45) return std::nullopt;
  auto const gap = text.find("::");
  auto const head = parse_groups(text.substr(0, gap), gap == std::string_view::npos);
  if (!head) return std::nullopt;
  IpAddress out;
  if (gap == std::string_view::npos) {
    if (head->size() != 16) return std::nullopt;
    std::ranges::copy(*head, out.bytes.begin());
    return out;
  }
  auto const tail = parse_groups(text.substr(gap + 2), true);
  if (!tail || head->size() + tail->size() > 14) return std::nullopt;
  std::ranges::copy(*head, out.bytes.begin());
  std::ranges::copy_backward(*tail, out.bytes.end());
  return out;
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](auto byte) { return byte == 0; }) &&
         bytes[10] == 0xFF && bytes[11] == 0xFF;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  if (text.contains(':')) return parse_v6(text);
  auto const v4 = parse_v4(text);
  if (!v4) return std::nullopt;
  IpAddress out;
  out.bytes[10] = out.bytes[11] = 0xFF;
  std::ranges::copy(*v4, out.bytes.begin() + v4_at);
  return out;
}

bool Network::contains(IpAddress const& address) const {
  for (int bit = 0; bit < bits; bit += 8) {
    auto const i = static_cast<std::size_t>(bit / 8);
    auto const taken = std::min(8, bits - bit);
    auto const mask = static_cast<std::uint8_t>(0xFFU << static_cast<unsigned>(8 - taken));
    if ((first.bytes[i] & mask) != (address.bytes[i] & mask)) return false;
  }
  return true;
}

std::optional<Network> parse_network(std::string_view text) {
  auto const slash = text.find('/');
  auto const address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  bool const dotted = !text.substr(0, slash).contains(':');
  Network out{*address, 128};
  if (slash != std::string_view::npos) {
    auto const bits = number(text.substr(slash + 1), 10, dotted ? 32 : 128, 3);
    if (!bits) return std::nullopt;
    out.bits = static_cast<int>(*bits) + (dotted ? 96 : 0);
  }
  for (int bit = out.bits; bit < 128; ++bit) {
    auto const byte = out.first.bytes[static_cast<std::size_t>(bit / 8)];
    if ((byte >> static_cast<unsigned>(7 - bit % 8) & 1U) != 0) return std::nullopt;
  }
  return out;
}

}  // namespace dalsegno::engine
