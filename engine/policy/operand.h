#pragma once

#include "dalsegno/json.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace dalsegno::engine {

/// A value that a condition looks at, without a copy of it: a view into the request or a literal.
class Operand {
 public:
  using Texts = std::span<std::string const>;
  struct Absent {};

  Operand() = default;
  explicit Operand(std::string_view text) : value_(text) {}
  explicit Operand(std::int64_t number) : value_(number) {}
  explicit Operand(Texts texts) : value_(texts) {}
  explicit Operand(Json const& json) : value_(&json) {
    if (auto const* const text = json.as_string()) value_ = std::string_view(*text);
    if (auto const* const number = json.as_integer()) value_ = *number;
  }

  [[nodiscard]] bool absent() const { return std::holds_alternative<Absent>(value_); }
  [[nodiscard]] std::string_view const* text() const {
    return std::get_if<std::string_view>(&value_);
  }
  [[nodiscard]] bool is_number() const;
  [[nodiscard]] bool is_list() const;
  /// "nothing", else as Json::kind.
  [[nodiscard]] std::string_view kind() const;

  /// Calls `visit(Operand)` for each element of a list, until it returns false.
  template <class Visit>
  void for_each(Visit visit) const {
    if (auto const* const texts = std::get_if<Texts>(&value_)) {
      for (auto const& text : *texts)
        if (!visit(Operand(std::string_view(text)))) return;
    } else if (auto const* const json = std::get_if<Json const*>(&value_)) {
      for (auto const& element : *(*json)->as_array())
        if (!visit(Operand(element))) return;
    }
  }

  /// Of the same kind and worth the same; numbers by their value (1 and 1.0 are equal). Lists and
  /// objects are equal to nothing.
  [[nodiscard]] static bool equal(Operand const& a, Operand const& b);
  /// Of two numbers by their exact values, of two texts by their bytes; nullopt for others, and for
  /// an integer beyond 2^53 beside a fraction beyond 2^53.
  [[nodiscard]] static std::optional<std::strong_ordering> compare(Operand const& a,
                                                                   Operand const& b);
  /// For people: JSON, the end of a long one left out.
  [[nodiscard]] std::string to_text() const;

 private:
  std::variant<Absent, std::string_view, std::int64_t, Texts, Json const*> value_;
};

}  // namespace dalsegno::engine
