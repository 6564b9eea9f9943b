#include "dalsegno/payload.h"

#include <charconv>
#include <cmath>
#include <stdexcept>

namespace dalsegno::payload_detail {

namespace {

template <class Integer>
void append_digits(std::string& out, Integer value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

/// The integer that `from` is; nothing if it has a fraction or does not fit into an Integer.
template <class Integer>
std::optional<Integer> exact_integer(Json const& from) {
  if (auto const* value = from.as_integer()) {
    if (!std::in_range<Integer>(*value)) return std::nullopt;
    return static_cast<Integer>(*value);
  }
  if (auto const* big = from.as_big_integer()) {
    auto const* const end = big->digits.data() + big->digits.size();
    Integer value = 0;
    auto const [stop, error] = std::from_chars(big->digits.data(), end, value);
    if (error != std::errc() || stop != end) return std::nullopt;
    return value;
  }
  // A double is taken for an integer only where doubles are exact.
  auto const number = from.as_double();
  constexpr double limit = 9007199254740992.0;
  if (!number || std::trunc(*number) != *number || std::abs(*number) >= limit) return std::nullopt;
  auto const value = static_cast<std::int64_t>(*number);
  if (!std::in_range<Integer>(value)) return std::nullopt;
  return static_cast<Integer>(value);
}

template <class Integer>
bool read_integer(Json const& from, Integer min, Integer max, Integer& to, Misfit& misfit) {
  if (!from.is_number()) return refuse_kind(misfit, from, "number");
  auto const value = exact_integer<Integer>(from);
  if (!value || *value < min || *value > max)
    return refuse(misfit,
                  "expected an integer from " + std::to_string(min) + " to " + std::to_string(max) +
                      ", got " + to_string(from));
  to = *value;
  return true;
}

void prepend(std::string& path, std::string_view part) { path.insert(0, part); }

}  // namespace

void append_integer(std::string& out, std::int64_t value) { append_digits(out, value); }
void append_integer(std::string& out, std::uint64_t value) { append_digits(out, value); }

void throw_nameless_enumerator(std::int64_t value) {
  throw std::invalid_argument("the enum has no enumerator of value " + std::to_string(value));
}

bool refuse(Misfit& misfit, std::string what) {
  misfit.what = std::move(what);
  return false;
}

bool refuse_kind(Misfit& misfit, Json const& from, std::string_view expected) {
  return refuse(misfit, "expected " + std::string(expected) + ", got " + std::string(from.kind()));
}

bool read_bool(Json const& from, bool& to, Misfit& misfit) {
  auto const* const value = from.as_bool();
  if (!value) return refuse_kind(misfit, from, "boolean");
  to = *value;
  return true;
}

bool read_signed(
    Json const& from, std::int64_t min, std::int64_t max, std::int64_t& to, Misfit& misfit) {
  return read_integer(from, min, max, to, misfit);
}

bool read_unsigned(Json const& from, std::uint64_t max, std::uint64_t& to, Misfit& misfit) {
  return read_integer(from, std::uint64_t{0}, max, to, misfit);
}

bool read_double(Json const& from, double& to, Misfit& misfit) {
  if (!from.is_number()) return refuse_kind(misfit, from, "number");
  if (auto const value = from.as_double()) {
    to = *value;
    return true;
  }
  // The canonical form of a double from 2^53 to 10^21 is an integer too.
  auto const& digits = from.as_big_integer()->digits;
  auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), to);
  return error == std::errc() || refuse(misfit, "the number is too large for a double");
}

bool read_float(Json const& from, float& to, Misfit& misfit) {
  double value = 0;
  if (!read_double(from, value, misfit)) return false;
  if (std::abs(value) > std::numeric_limits<float>::max())
    return refuse(misfit, "the number is too large for a float");
  to = static_cast<float>(value);
  return true;
}

bool read_string(Json&& from, std::string& to, Misfit& misfit) {
  auto* const value = from.as_string();
  if (!value) return refuse_kind(misfit, from, "string");
  to = std::move(*value);
  return true;
}

bool refuse_name(Misfit& misfit, std::string_view got, std::vector<std::string_view> const& names) {
  std::string what = "expected one of";
  for (auto const& name : names) {
    what += &name == names.data() ? " " : ", ";
    append_quoted(what, name);
  }
  what += "; got ";
  append_quoted(what, got);
  return refuse(misfit, std::move(what));
}

bool in_member(Misfit& misfit, std::string_view name) {
  prepend(misfit.path, "." + std::string(name));
  return false;
}

bool in_item(Misfit& misfit, std::size_t index) {
  prepend(misfit.path, "[" + std::to_string(index) + "]");
  return false;
}

bool in_key(Misfit& misfit, std::string_view key) {
  std::string part = "[";
  append_quoted(part, key);
  prepend(misfit.path, part + "]");
  return false;
}

Error to_error(Misfit misfit) {
  auto& path = misfit.path;
  if (path.starts_with('.')) path.erase(0, 1);
  return {Errc::invalid, path.empty() ? std::move(misfit.what) : path + ": " + misfit.what};
}

}  // namespace dalsegno::payload_detail
