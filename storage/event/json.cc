#include "dalsegno/json.h"

#include <cassert>

namespace dalsegno {

namespace {

constexpr std::int64_t max_exact_integer = (std::int64_t{1} << 53) - 1;

}  // namespace

Json::Json(std::int64_t value) {
  if (value >= -max_exact_integer && value <= max_exact_integer)
    value_ = value;
  else
    value_ = BigInteger{std::to_string(value)};
}

Json::Json(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(max_exact_integer))
    value_ = static_cast<std::int64_t>(value);
  else
    value_ = BigInteger{std::to_string(value)};
}

bool Json::is_number() const {
  return std::holds_alternative<std::int64_t>(value_) || std::holds_alternative<double>(value_) ||
         std::holds_alternative<BigInteger>(value_);
}

std::string_view Json::kind() const {
  static constexpr std::string_view kinds[] = {
      "null", "boolean", "number", "number", "number", "string", "array", "object"};
  static_assert(std::size(kinds) == std::variant_size_v<decltype(value_)>);
  return kinds[value_.index()];
}

std::optional<double> Json::as_double() const {
  if (auto const* integer = as_integer()) return static_cast<double>(*integer);
  if (auto const* number = std::get_if<double>(&value_)) return *number;
  return std::nullopt;
}

Json const* Json::find(std::string_view name) const {
  if (auto const* object = as_object())
    for (auto const& member : *object)
      if (member.name == name) return &member.value;
  return nullptr;
}

std::string_view Json::text(std::string_view name) const {
  auto const* member = find(name);
  auto const* string = member ? member->as_string() : nullptr;
  return string ? std::string_view(*string) : std::string_view();
}

Json& Json::set(std::string_view name, Json value) {
  if (is_null()) value_ = Object();
  auto* object = as_object();
  assert(object && "only an object has members");
  for (auto& member : *object) {
    if (member.name == name) {
      member.value = std::move(value);
      return *this;
    }
  }
  object->push_back({std::string(name), std::move(value)});
  return *this;
}

bool operator==(Json const& a, Json const& b) { return a.value_ == b.value_; }

}  // namespace dalsegno
