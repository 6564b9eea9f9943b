#include "engine/policy/operand.h"

#include <utility>

namespace dalsegno::engine {
namespace {

/// A number in one of its three forms. All compare exactly: a double of this form is not beyond
/// 2^53 unless it came from a fraction or exponent, and a BigInteger always is.
struct Number {
  std::optional<std::int64_t> integer;
  std::optional<double> real;
  std::string_view digits;  // of a BigInteger, with its sign
};

constexpr double exact_bound = 9'007'199'254'740'992.0;  // 2^53

std::strong_ordering ordered(bool less, bool greater) {
  if (less) return std::strong_ordering::less;
  return greater ? std::strong_ordering::greater : std::strong_ordering::equal;
}

std::strong_ordering reversed(std::strong_ordering order) { return 0 <=> order; }

std::strong_ordering compare_digits(std::string_view a, std::string_view b) {
  bool const a_below = a.starts_with('-');
  bool const b_below = b.starts_with('-');
  if (a_below != b_below)
    return a_below ? std::strong_ordering::less : std::strong_ordering::greater;
  auto order = a.size() <=> b.size();
  if (order == 0) order = a <=> b;
  return a_below ? reversed(order) : order;
}

std::optional<std::strong_ordering> compare_numbers(Number const& a, Number const& b) {
  if (a.integer && b.integer) return *a.integer <=> *b.integer;
  bool const a_big = !a.digits.empty();
  bool const b_big = !b.digits.empty();
  if (a_big && b_big) return compare_digits(a.digits, b.digits);
  if (b_big) {
    auto const order = compare_numbers(b, a);
    return order ? std::optional(reversed(*order)) : std::nullopt;
  }
  auto const value = [](Number const& it) {
    return it.integer ? static_cast<double>(*it.integer) : *it.real;
  };
  if (a_big) {
    auto const other = value(b);
    if (other >= exact_bound || other <= -exact_bound) return std::nullopt;
    return a.digits.starts_with('-') ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return ordered(value(a) < value(b), value(a) > value(b));
}

}  // namespace

bool Operand::is_number() const {
  if (std::holds_alternative<std::int64_t>(value_)) return true;
  auto const* const json = std::get_if<Json const*>(&value_);
  return json != nullptr && (*json)->is_number();
}

bool Operand::is_list() const {
  if (std::holds_alternative<Texts>(value_)) return true;
  auto const* const json = std::get_if<Json const*>(&value_);
  return json != nullptr && (*json)->as_array() != nullptr;
}

std::string_view Operand::kind() const {
  if (absent()) return "nothing";
  if (text() != nullptr) return "string";
  if (is_number()) return "number";
  if (is_list()) return "array";
  return std::get<Json const*>(value_)->kind();
}

namespace {

Number number_of(std::int64_t const* integer, Json const* json) {
  Number out;
  if (integer != nullptr) {
    out.integer = *integer;
  } else if (auto const* const big = json->as_big_integer()) {
    out.digits = big->digits;
  } else {
    out.real = json->as_double();
  }
  return out;
}

}  // namespace

std::optional<std::strong_ordering> Operand::compare(Operand const& a, Operand const& b) {
  if (auto const *const left = a.text(), *const right = b.text();
      left != nullptr || right != nullptr) {
    if (left == nullptr || right == nullptr) return std::nullopt;
    return *left <=> *right;
  }
  if (!a.is_number() || !b.is_number()) return std::nullopt;
  auto const number = [](Operand const& it) {
    auto const* const json = std::get_if<Json const*>(&it.value_);
    return number_of(std::get_if<std::int64_t>(&it.value_), json == nullptr ? nullptr : *json);
  };
  return compare_numbers(number(a), number(b));
}

bool Operand::equal(Operand const& a, Operand const& b) {
  if (a.absent() || b.absent() || a.is_list() || b.is_list()) return false;
  if (a.text() != nullptr || b.text() != nullptr || a.is_number() || b.is_number())
    return compare(a, b) == std::strong_ordering::equal;
  auto const& left = *std::get<Json const*>(a.value_);
  auto const& right = *std::get<Json const*>(b.value_);
  return left.as_object() == nullptr && left == right;  // null, true, false
}

std::string Operand::to_text() const {
  constexpr std::size_t longest = 120;
  Json json;
  if (auto const* const text = this->text()) {
    json = *text;
  } else if (auto const* const integer = std::get_if<std::int64_t>(&value_)) {
    json = *integer;
  } else if (auto const* const texts = std::get_if<Texts>(&value_)) {
    json = Json::Array(texts->begin(), texts->end());
  } else if (auto const* const other = std::get_if<Json const*>(&value_)) {
    json = **other;
  } else {
    return "nothing";
  }
  auto out = to_string(json);
  if (out.size() <= longest) return out;
  auto end = longest;
  while ((static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;
  return out.substr(0, end) + "...";
}

}  // namespace dalsegno::engine
