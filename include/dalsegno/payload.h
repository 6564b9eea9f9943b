#pragma once

// C++ values as JSON: the payloads of signals, activities, results and checkpoints.
//
//   struct Refund { std::string order; double amount; };
//   BOOST_DESCRIBE_STRUCT(Refund, (), (order, amount))
//
//   to_json(Refund{"A-7", 12.5})              {"amount":12.5,"order":"A-7"}
//   from_json<Refund>(R"({"order":"A-7"})")   Errc::invalid, "amount: missing"
//
// | C++                                   | JSON                                             |
// |---------------------------------------|--------------------------------------------------|
// | bool                                  | true, false                                      |
// | integers, but for character types     | number, with all its digits also beyond 2^53     |
// | float, double                         | number; must be finite                           |
// | std::string                           | string; must be UTF-8                            |
// | what converts to std::string_view     | string; only written, never read                 |
// | enum with BOOST_DESCRIBE_ENUM         | string: the name of the enumerator               |
// | with BOOST_DESCRIBE_STRUCT or _CLASS  | object; bases are not supported                  |
// | std::optional                         | the value, or null; an empty member is left out  |
// | std::vector, std::array               | array                                            |
// | std::map from std::string             | object                                           |
// | std::monostate                        | null                                             |
// | Json                                  | itself                                           |

#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno {

/// The canonical JSON (RFC 8785) of `value`: equal values give equal bytes.
///
/// Limits: what is nested deeper than `max_json_depth` is written, but cannot be read.
/// Errors: throws std::invalid_argument for a string that is not UTF-8, a number that is not
/// finite, and an enum value that has no name.
template <class T>
[[nodiscard]] std::string to_json(T const& value);

/// Reads what `to_json` writes, and any other JSON text of the same meaning.
///
/// Members that T does not have are ignored, so that older code reads what newer code wrote. A
/// member that is not there is an error unless it is a std::optional. A number without fraction is
/// an integer however it is written (5.0).
/// Errors: Errc::invalid: no JSON (see `parse_json`), or "path: what was wrong", as in
/// "order.items[2].price: expected number, got string".
template <class T>
[[nodiscard]] Result<T> from_json(std::string_view text);

namespace payload_detail {

// ---- which types there are ----

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <class... Args, template <class...> class Template>
inline constexpr bool is_a<Template<Args...>, Template> = true;

template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t size>
inline constexpr bool is_array<std::array<T, size>> = true;

template <class T>
inline constexpr bool is_map = false;
template <class T, class... Rest>
inline constexpr bool is_map<std::map<std::string, T, Rest...>> = true;

template <class T, class... Others>
concept OneOf = (std::same_as<T, Others> || ...);

template <class T>
concept Integer = std::integral<T> && !OneOf<T, bool, char, wchar_t, char8_t, char16_t, char32_t> &&
                  sizeof(T) <= 8;

template <class T>
concept Fraction = OneOf<T, float, double>;

template <class T>
concept Text = std::convertible_to<T const&, std::string_view>;

template <class T>
concept NamedEnum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

template <class T>
concept Struct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

/// Whether null is one of the forms of a T: then a std::optional<T> could not tell whether it is
/// empty.
template <class T>
inline constexpr bool may_be_null = is_a<T, std::optional> || OneOf<T, std::monostate, Json>;

template <class T>
inline constexpr bool unsupported = false;

// ---- the members of a struct, in canonical order ----

template <Struct T>
using DescribedMembers = boost::describe::describe_members<T, boost::describe::mod_any_access>;

template <Struct T>
inline constexpr std::size_t member_count = boost::mp11::mp_size<DescribedMembers<T>>::value;

/// The indices of DescribedMembers<T>, ordered by name.
template <Struct T>
consteval std::array<std::size_t, member_count<T>> canonical_order() {
  std::array<std::size_t, member_count<T>> order{};
  [&]<class... Member>(boost::mp11::mp_list<Member...>) {
    std::array<std::string_view, sizeof...(Member)> const names{Member::name...};
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::size_t at = i;
      for (; at > 0 && canonical_less(names[i], names[order[at - 1]]); --at)
        order[at] = order[at - 1];
      order[at] = i;
    }
  }(boost::mp11::mp_rename<DescribedMembers<T>, boost::mp11::mp_list>());
  return order;
}

template <Struct T>
inline constexpr auto member_order = canonical_order<T>();

template <Struct T, std::size_t place>
using MemberAt = boost::mp11::mp_at_c<DescribedMembers<T>, member_order<T>[place]>;

/// Calls `visit` with the descriptor of every member, in canonical order, for as long as it returns
/// true.
template <Struct T, class Visit>
constexpr bool for_each_member(Visit&& visit) {
  static_assert(boost::mp11::mp_empty<
                    boost::describe::describe_bases<T, boost::describe::mod_any_access>>::value,
                "a payload struct cannot have described bases: make the base a member");
  return [&]<std::size_t... place>(std::index_sequence<place...>) {
    return (visit(MemberAt<T, place>()) && ...);
  }(std::make_index_sequence<member_count<T>>());
}

/// `,"name":`. The name of a C++ member needs no escapes.
template <class Member>
inline constexpr auto key_with_comma = [] {
  constexpr std::string_view name = Member::name;
  std::array<char, name.size() + 4> key{',', '"'};
  for (std::size_t i = 0; i < name.size(); ++i) key[i + 2] = name[i];
  key[name.size() + 2] = '"';
  key[name.size() + 3] = ':';
  return key;
}();

// ---- writing ----

void append_integer(std::string& out, std::int64_t value);
void append_integer(std::string& out, std::uint64_t value);
[[noreturn]] void throw_nameless_enumerator(std::int64_t value);

template <class T>
void append(std::string& out, T const& value);

template <NamedEnum T>
std::string_view name_of_enumerator(T value) {
  std::string_view name;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
    if (enumerator.value == value && name.empty()) name = enumerator.name;
  });
  if (name.empty()) throw_nameless_enumerator(static_cast<std::int64_t>(value));
  return name;
}

template <class List>
void append_list(std::string& out, List const& list) {
  out += '[';
  bool first = true;
  for (typename List::value_type const& item :
       list) {  // by this type, as vector<bool> has no items of its own
    if (!first) out += ',';
    first = false;
    append(out, item);
  }
  out += ']';
}

template <class Map>
void append_map(std::string& out, Map const& map) {
  std::map<std::string_view, typename Map::mapped_type const*, decltype(&canonical_less)> members(
      &canonical_less);
  for (auto const& [name, value] : map) members.emplace(name, &value);
  out += '{';
  bool first = true;
  for (auto const& [name, value] : members) {
    if (!first) out += ',';
    first = false;
    append_quoted(out, name);
    out += ':';
    append(out, *value);
  }
  out += '}';
}

template <Struct T>
void append_struct(std::string& out, T const& value) {
  out += '{';
  bool first = true;
  for_each_member<T>([&]<class Member>(Member) {
    auto const& member = value.*Member::pointer;
    if constexpr (is_a<std::remove_cvref_t<decltype(member)>, std::optional>)
      if (!member) return true;
    auto const& key = key_with_comma<Member>;
    out.append(key.data() + (first ? 1 : 0), key.size() - (first ? 1 : 0));
    first = false;
    append(out, member);
    return true;
  });
  out += '}';
}

template <class T>
void append(std::string& out, T const& value) {
  if constexpr (std::same_as<T, Json>) {
    out += canonical(value);
  } else if constexpr (std::same_as<T, std::monostate>) {
    out += "null";
  } else if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (Integer<T> && std::is_signed_v<T>) {
    append_integer(out, std::int64_t{value});
  } else if constexpr (Integer<T>) {
    append_integer(out, std::uint64_t{value});
  } else if constexpr (Fraction<T>) {
    out += canonical_number(value);
  } else if constexpr (Text<T>) {
    append_quoted(out, value);
  } else if constexpr (NamedEnum<T>) {
    append_quoted(out, name_of_enumerator(value));
  } else if constexpr (is_a<T, std::optional>) {
    static_assert(!may_be_null<typename T::value_type>, "null inside would read back as empty");
    if (value)
      append(out, *value);
    else
      out += "null";
  } else if constexpr (is_a<T, std::vector> || is_array<T>) {
    append_list(out, value);
  } else if constexpr (is_map<T>) {
    append_map(out, value);
  } else if constexpr (Struct<T>) {
    append_struct(out, value);
  } else {
    static_assert(unsupported<T>,
                  "this type has no JSON form; a struct needs BOOST_DESCRIBE_STRUCT beside it");
  }
}

// ---- reading ----

/// Where and why a value did not fit; the path grows from the inside out.
struct Misfit {
  std::string path;
  std::string what;
};

// All return false and say why in `misfit` when `from` does not fit.
bool refuse(Misfit& misfit, std::string what);
bool refuse_kind(Misfit& misfit, Json const& from, std::string_view expected);
bool read_bool(Json const& from, bool& to, Misfit& misfit);
bool read_signed(
    Json const& from, std::int64_t min, std::int64_t max, std::int64_t& to, Misfit& misfit);
bool read_unsigned(Json const& from, std::uint64_t max, std::uint64_t& to, Misfit& misfit);
bool read_double(Json const& from, double& to, Misfit& misfit);
bool read_float(Json const& from, float& to, Misfit& misfit);
bool read_string(Json&& from, std::string& to, Misfit& misfit);
bool refuse_name(Misfit& misfit, std::string_view got, std::vector<std::string_view> const& names);

// All return false: `misfit` happened in that part.
bool in_member(Misfit& misfit, std::string_view name);
bool in_item(Misfit& misfit, std::size_t index);
bool in_key(Misfit& misfit, std::string_view key);

Error to_error(Misfit misfit);

template <class T>
bool read(Json&& from, T& to, Misfit& misfit);

template <NamedEnum T>
bool read_enum(Json const& from, T& to, Misfit& misfit) {
  auto const* const text = from.as_string();
  if (!text) return refuse_kind(misfit, from, "string");
  bool found = false;
  std::vector<std::string_view> names;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
    if (found) return;
    if (*text == enumerator.name) {
      to = enumerator.value;
      found = true;
    }
    names.emplace_back(enumerator.name);
  });
  return found || refuse_name(misfit, *text, names);
}

template <class T>
bool read_optional(Json&& from, std::optional<T>& to, Misfit& misfit) {
  static_assert(!may_be_null<T>, "null inside would read back as empty");
  to.reset();
  return from.is_null() || read(std::move(from), to.emplace(), misfit);
}

template <class T>
bool read_vector(Json&& from, std::vector<T>& to, Misfit& misfit) {
  auto* const items = from.as_array();
  if (!items) return refuse_kind(misfit, from, "array");
  to.clear();
  to.reserve(items->size());
  for (std::size_t i = 0; i < items->size(); ++i) {
    T item{};
    if (!read(std::move((*items)[i]), item, misfit)) return in_item(misfit, i);
    to.push_back(std::move(item));
  }
  return true;
}

template <class T, std::size_t size>
bool read_array(Json&& from, std::array<T, size>& to, Misfit& misfit) {
  auto* const items = from.as_array();
  if (!items) return refuse_kind(misfit, from, "array");
  if (items->size() != size)
    return refuse(
        misfit,
        "expected " + std::to_string(size) + " items, got " + std::to_string(items->size()));
  for (std::size_t i = 0; i < size; ++i)
    if (!read(std::move((*items)[i]), to[i], misfit)) return in_item(misfit, i);
  return true;
}

template <class Map>
bool read_map(Json&& from, Map& to, Misfit& misfit) {
  auto* const members = from.as_object();
  if (!members) return refuse_kind(misfit, from, "object");
  to.clear();
  for (auto& [name, value] : *members) {
    typename Map::mapped_type item{};
    if (!read(std::move(value), item, misfit)) return in_key(misfit, name);
    to.insert_or_assign(std::move(name), std::move(item));
  }
  return true;
}

template <Struct T>
bool read_struct(Json&& from, T& to, Misfit& misfit) {
  auto* const members = from.as_object();
  if (!members) return refuse_kind(misfit, from, "object");
  return for_each_member<T>([&]<class Member>(Member) {
    constexpr std::string_view name = Member::name;
    auto& target = to.*Member::pointer;
    for (auto& member : *members)
      if (member.name == name)
        return read(std::move(member.value), target, misfit) || in_member(misfit, name);
    if constexpr (is_a<std::remove_cvref_t<decltype(target)>, std::optional>) {
      target.reset();
      return true;
    } else {
      return refuse(misfit, "missing") || in_member(misfit, name);
    }
  });
}

template <class T>
bool read(Json&& from, T& to, Misfit& misfit) {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::same_as<T, Json>) {
    to = std::move(from);
    return true;
  } else if constexpr (std::same_as<T, std::monostate>) {
    return from.is_null() || refuse_kind(misfit, from, "null");
  } else if constexpr (std::same_as<T, bool>) {
    return read_bool(from, to, misfit);
  } else if constexpr (Integer<T> && std::is_signed_v<T>) {
    std::int64_t value = 0;
    if (!read_signed(from, Limits::min(), Limits::max(), value, misfit)) return false;
    to = static_cast<T>(value);
    return true;
  } else if constexpr (Integer<T>) {
    std::uint64_t value = 0;
    if (!read_unsigned(from, Limits::max(), value, misfit)) return false;
    to = static_cast<T>(value);
    return true;
  } else if constexpr (std::same_as<T, float>) {
    return read_float(from, to, misfit);
  } else if constexpr (std::same_as<T, double>) {
    return read_double(from, to, misfit);
  } else if constexpr (std::same_as<T, std::string>) {
    return read_string(std::move(from), to, misfit);
  } else if constexpr (NamedEnum<T>) {
    return read_enum(from, to, misfit);
  } else if constexpr (is_a<T, std::optional>) {
    return read_optional(std::move(from), to, misfit);
  } else if constexpr (is_a<T, std::vector>) {
    return read_vector(std::move(from), to, misfit);
  } else if constexpr (is_array<T>) {
    return read_array(std::move(from), to, misfit);
  } else if constexpr (is_map<T>) {
    return read_map(std::move(from), to, misfit);
  } else if constexpr (Struct<T>) {
    return read_struct(std::move(from), to, misfit);
  } else {
    static_assert(unsupported<T>,
                  "this type has no JSON form; a struct needs BOOST_DESCRIBE_STRUCT beside it");
  }
}

}  // namespace payload_detail

template <class T>
std::string to_json(T const& value) {
  std::string out;
  out.reserve(256);  // most payloads need no second allocation
  payload_detail::append(out, value);
  return out;
}

template <class T>
Result<T> from_json(std::string_view text) {
  static_assert(std::default_initializable<T>, "a value is made first and then filled in");
  auto json = parse_json(text);
  if (!json) return std::move(json).error();
  T value{};
  payload_detail::Misfit misfit;
  if (!payload_detail::read(std::move(*json), value, misfit))
    return payload_detail::to_error(std::move(misfit));
  return value;
}

}  // namespace dalsegno
