#include "activities/http/host_name.h"

#include "dalsegno/try.h"
#include "storage/event/json_text.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

namespace dalsegno::http {
namespace {

constexpr std::size_t max_label_bytes = 63;
constexpr std::size_t max_name_bytes = 253;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_name_byte(char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Error wrong(std::string what) { return {Errc::invalid, "the host's name " + std::move(what)}; }

/// The A-label of a label in lower case, or its own form if it is an A-label that decodes well.
/// IDNA2008 without any mapping: tables of mappings differ from one version of Unicode to the next,
/// so that two readers could be led to two hosts.
Result<std::string> a_label(std::string const& label) {
  std::uint8_t* raw = nullptr;
  int const code =
      idn2_lookup_u8(reinterpret_cast<std::uint8_t const*>(label.c_str()), &raw, IDN2_NO_TR46);
  std::unique_ptr<std::uint8_t, decltype(&idn2_free)> const owned(raw, &idn2_free);
  if (code != IDN2_OK)
    return wrong(std::string("has a label that no international name may have: ") +
                 idn2_strerror(code));
  return std::string(reinterpret_cast<char const*>(raw));
}

/// Whether an A-label is written from right to left (Hebrew, Arabic and their neighbours).
bool is_right_to_left(std::string const& a_label) {
  char* raw = nullptr;
  int const code = idn2_to_unicode_8z8z(a_label.c_str(), &raw, 0);
  std::unique_ptr<char, decltype(&idn2_free)> const owned(raw, &idn2_free);
  if (code != IDN2_OK) return true;
  std::string_view text(raw);
  while (!text.empty()) {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    auto const length = std::max<std::size_t>(storage::utf8_length(text), 1);
    auto const first = length == 2 ? (byte(0) & 0x1fU) << 6 | (byte(1) & 0x3fU)
                       : length == 3
                           ? (byte(0) & 0xfU) << 12 | (byte(1) & 0x3fU) << 6 | (byte(2) & 0x3fU)
                       : length == 4 ? (byte(0) & 7U) << 18 | (byte(1) & 0x3fU) << 12 |
                                           (byte(2) & 0x3fU) << 6 | (byte(3) & 0x3fU)
                                     : byte(0);
    // The blocks that Unicode has set aside for such scripts.
    if ((first >= 0x590 && first <= 0x8ff) || (first >= 0xfb1d && first <= 0xfdff) ||
        (first >= 0xfe70 && first <= 0xfeff) || (first >= 0x10800 && first <= 0x10fff) ||
        (first >= 0x1e800 && first <= 0x1efff))
      return true;
    text.remove_prefix(length);
  }
  return false;
}

Result<std::string> canonical_label(std::string_view text) {
  if (text.empty()) return wrong("has an empty label");
  bool const is_ascii =
      std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  std::string label(text);
  std::ranges::transform(label, label.begin(), lower);
  if (!is_ascii || label.starts_with("xn--")) {
    TRY(auto const again, a_label(label));
    if (is_ascii && again != label) return wrong("has a label xn-- that does not decode to itself");
    label = again;
  }
  if (!is_ascii && !label.starts_with("xn--"))
    return wrong("is written with characters that only look like other ones");
  if (!std::ranges::all_of(label, is_name_byte))
    return wrong("has a character other than letters, digits, '-', '_' and '.'");
  if (label.size() > max_label_bytes) return wrong("has a label of more than 63 bytes");
  return label;
}

/// RFC 5893 judges the labels of a name together once one of them is written from right to left.
/// libidn2 judges each alone, so beside such a label only plain ones are taken here.
Result<> check_directions(std::string_view name) {
  bool right_to_left = false;
  bool others_are_plain = true;
  for (bool more = true; more;) {
    auto const dot = name.find('.');
    more = dot != std::string_view::npos;
    auto const label = name.substr(0, dot);
    if (label.starts_with("xn--") && is_right_to_left(std::string(label))) {
      right_to_left = true;
    } else {
      auto const is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
      others_are_plain = others_are_plain && is_letter(label.front()) &&
                         (is_letter(label.back()) || is_digit(label.back())) &&
                         !label.starts_with("xn--");
    }
    name.remove_prefix(more ? dot + 1 : name.size());
  }
  if (right_to_left && !others_are_plain)
    return wrong("mixes directions of writing in a way that is not permitted");
  return {};
}

}  // namespace

Result<std::string> canonical_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return wrong("is empty");
  if (text.contains('\0')) return wrong("holds a NUL");
  std::string name;
  for (bool more = true; more;) {
    auto const dot = text.find('.');
    more = dot != std::string_view::npos;
    TRY(auto const label, canonical_label(text.substr(0, dot)));
    name += label;
    if (more) name += '.';
    text.remove_prefix(more ? dot + 1 : text.size());
  }
  if (name.size() > max_name_bytes) return wrong("has more than 253 bytes");
  if (name.contains("xn--")) {
    TRY_VOID(check_directions(name));
  }
  return name;
}

bool ends_in_number(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  auto const dot = name.rfind('.');
  auto const last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  if (last.starts_with("0x") || last.starts_with("0X"))
    return std::ranges::all_of(last.substr(2), is_hex_digit);
  return !last.empty() && std::ranges::all_of(last, is_digit);
}

std::string_view special_part(std::string_view name) {
  static constexpr std::array<std::string_view, 8> domains = {"localhost",
                                                              "localdomain",
                                                              "local",
                                                              "internal",
                                                              "home.arpa",
                                                              "onion",
                                                              "in-addr.arpa",
                                                              "ip6.arpa"};
  for (auto const domain : domains) {
    if (!name.ends_with(domain)) continue;
    if (name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.') return domain;
  }
  return name.contains('.') ? std::string_view() : name;
}

}  // namespace dalsegno::http
