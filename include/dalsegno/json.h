#pragma once

#include "dalsegno/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno {

/// A JSON value. Objects keep the order of their members; numbers are exact.
///
/// A number without fraction and exponent is an integer: `std::int64_t` when it lies within
/// ±(2^53 - 1), else a `BigInteger` that keeps its digits. Every other number is the nearest double
/// (round to even); one that overflows a double is refused by the parser. "-0" is the double -0.0.
/// Two values are equal when they are of the same kind and hold the same, members in the same
/// order; 1 and 1.0 differ.
/// Thread: a value; const access from several threads is fine.
class Json {
 public:
  struct Member;
  /// An integer beyond 2^53 as it was written: such a number has no exact double and is never
  /// rounded silently.
  struct BigInteger {
    std::string digits;
    friend bool operator==(BigInteger const&, BigInteger const&) = default;
  };
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  Json();  ///< null
  // Values turn into Json by themselves, so that `object.set("count", 3)` can be written.
  // NOLINTBEGIN(google-explicit-constructor)
  Json(std::nullptr_t);
  Json(bool value);
  Json(int value);
  Json(unsigned value);
  Json(std::int64_t value);   ///< a BigInteger beyond 2^53
  Json(std::uint64_t value);  ///< a BigInteger beyond 2^53
  Json(double value);         ///< must be finite
  Json(BigInteger value);     ///< must be an integer beyond 2^53 as JSON writes it
  Json(std::string value);
  Json(std::string_view value);
  Json(char const* value);
  Json(Array value);
  Json(Object value);  ///< names must differ
  // NOLINTEND(google-explicit-constructor)

  Json(Json const& other);
  Json(Json&& other) noexcept;
  Json& operator=(Json const& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  [[nodiscard]] bool is_null() const { return value_.index() == 0; }
  [[nodiscard]] bool is_number() const;
  /// "null", "boolean", "number", "string", "array" or "object".
  [[nodiscard]] std::string_view kind() const;

  // Absent (nullptr, nullopt) when the value is of another kind.
  [[nodiscard]] bool const* as_bool() const { return std::get_if<bool>(&value_); }
  [[nodiscard]] std::int64_t const* as_integer() const {
    return std::get_if<std::int64_t>(&value_);
  }
  [[nodiscard]] BigInteger const* as_big_integer() const {
    return std::get_if<BigInteger>(&value_);
  }
  [[nodiscard]] std::optional<double> as_double() const;  ///< any number but a BigInteger
  [[nodiscard]] std::string const* as_string() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] Array const* as_array() const { return std::get_if<Array>(&value_); }
  [[nodiscard]] Object const* as_object() const { return std::get_if<Object>(&value_); }
  [[nodiscard]] std::string* as_string() { return std::get_if<std::string>(&value_); }
  [[nodiscard]] Array* as_array() { return std::get_if<Array>(&value_); }
  [[nodiscard]] Object* as_object() { return std::get_if<Object>(&value_); }

  /// The member `name` of an object; nullptr when there is none or this is no object.
  [[nodiscard]] Json const* find(std::string_view name) const;
  /// The string member `name`, or "" when absent or no string.
  [[nodiscard]] std::string_view text(std::string_view name) const;
  /// Sets member `name` (makes this an object when it is null); a member of that name is replaced.
  Json& set(std::string_view name, Json value);

  friend bool operator==(Json const& a, Json const& b);

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, BigInteger, std::string, Array, Object>
      value_;
};

struct Json::Member {
  std::string name;
  Json value;
  friend bool operator==(Member const&, Member const&) = default;
};

// A Json may hold Members and a Member holds a Json, so these can be defined only here.
inline Json::Json() = default;
inline Json::Json(std::nullptr_t) {}
inline Json::Json(bool value) : value_(value) {}
inline Json::Json(int value) : value_(std::int64_t{value}) {}
inline Json::Json(unsigned value) : value_(std::int64_t{value}) {}
inline Json::Json(double value) : value_(value) {}
inline Json::Json(BigInteger value) : value_(std::move(value)) {}
inline Json::Json(std::string value) : value_(std::move(value)) {}
inline Json::Json(std::string_view value) : value_(std::string(value)) {}
inline Json::Json(char const* value) : value_(std::string(value)) {}
inline Json::Json(Array value) : value_(std::move(value)) {}
inline Json::Json(Object value) : value_(std::move(value)) {}
inline Json::Json(Json const& other) = default;
inline Json::Json(Json&& other) noexcept = default;
inline Json& Json::operator=(Json const& other) = default;
inline Json& Json::operator=(Json&& other) noexcept = default;
inline Json::~Json() = default;

/// Nesting deeper than this is refused.
inline constexpr std::size_t max_json_depth = 512;

/// Where a text stopped being JSON. Lines and columns count from 1, columns in bytes.
struct JsonPlace {
  std::size_t line = 1;
  std::size_t column = 1;
};

/// The line and column of byte `offset` of `text`.
[[nodiscard]] JsonPlace place_of(std::string_view text, std::size_t offset);

/// Reads one JSON text (RFC 8259), strictly: UTF-8 only, no BOM, no lone surrogates, duplicate keys
/// refused, nothing after the value.
/// Errors: Errc::invalid, whose detail begins "line L, column C: " and says what was wrong.
[[nodiscard]] Result<Json> parse_json(std::string_view text);

/// A value together with where each of its parts stands in the text: for error messages about
/// configuration.
struct LocatedJson {
  Json value;
  /// The JSON pointer (RFC 6901) of every value and, with "#key" appended, of every member name;
  /// and the place. Sorted by pointer.
  std::vector<std::pair<std::string, JsonPlace>> places;
  /// Line 1, column 1 when unknown.
  [[nodiscard]] JsonPlace place(std::string_view pointer) const;
};
/// Errors: as `parse_json`; also when the pointers would have more than 16 MiB together.
[[nodiscard]] Result<LocatedJson> parse_located_json(std::string_view text);

/// The canonical form of RFC 8785 (JCS): no blanks, members sorted by UTF-16 code units, numbers as
/// ECMAScript prints them, minimal escapes. A BigInteger keeps its digits (a documented extension:
/// RFC 8785 would round it).
/// Shape: UTF-8. The same value always gives the same bytes.
/// Errors: throws std::invalid_argument for a string that is not UTF-8 and for a double that is not
/// finite, as do all functions below that write text; what `parse_json` returns has neither.
[[nodiscard]] std::string canonical(Json const& value);

/// `canonical(parse_json(text))`.
[[nodiscard]] Result<std::string> canonicalize(std::string_view text);

/// Whether a member `a` stands before a member `b` in the canonical form: by UTF-16 code units.
/// Both must be UTF-8.
///
/// In UTF-16 the characters beyond U+FFFF (in UTF-8: led by 0xF0 to 0xF4) come before U+E000 to
/// U+FFFF (led by 0xEE and 0xEF); everything else is in the order of its UTF-8 bytes.
[[nodiscard]] constexpr bool canonical_less(std::string_view a, std::string_view b) {
  auto const rank = [](char c) {
    auto const byte = static_cast<unsigned char>(c);
    return byte >= 0xF0 ? byte - 2 : byte >= 0xEE ? byte + 0x10 : int{byte};
  };
  std::size_t const shorter = a.size() < b.size() ? a.size() : b.size();
  for (std::size_t i = 0; i < shorter; ++i)
    if (a[i] != b[i]) return rank(a[i]) < rank(b[i]);
  return a.size() < b.size();
}

/// One line, members in their own order: for people and for JSON output. Parsing it gives an equal
/// value.
[[nodiscard]] std::string to_string(Json const& value);
/// Two-space indented.
[[nodiscard]] std::string to_pretty_string(Json const& value);

/// The ECMAScript form of a finite double ("1e+21", "1e-7", "0" for -0): what RFC 8785
/// section 3.2.2.3 asks for.
[[nodiscard]] std::string canonical_number(double value);
/// Appends `text` as a quoted JSON string with RFC 8785's escapes. `text` must be UTF-8.
void append_quoted(std::string& out, std::string_view text);

}  // namespace dalsegno
