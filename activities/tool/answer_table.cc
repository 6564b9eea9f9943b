#include "activities/tool/answer_table.h"

#include "activities/tool/answer_shape.h"
#include "dalsegno/try.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr std::string_view table = "@table";
constexpr std::size_t max_depth_with_tables = 256;  // tables nest deeper than what they stand for
constexpr std::size_t max_table_depth = 32;         // how deep a table may begin: bounds the work
constexpr int max_shape_levels = 6;

bool is_reserved(std::string_view name) {
  auto const marks = name.find_first_not_of('@');
  return marks != std::string_view::npos && marks > 0 && name.substr(marks - 1) == table;
}

std::string escaped(std::string const& name) { return is_reserved(name) ? "@" + name : name; }

std::size_t depth_of(Json const& value) {
  std::size_t deepest = 0;
  if (auto const* const items = value.as_array())
    for (auto const& item : *items) deepest = std::max(deepest, depth_of(item));
  else if (auto const* const members = value.as_object())
    for (auto const& member : *members) deepest = std::max(deepest, depth_of(member.value));
  else
    return 0;
  return deepest + 1;
}

void sort_members(Json::Object& members) {
  std::ranges::sort(members, [](Json::Member const& a, Json::Member const& b) {
    return canonical_less(a.name, b.name);
  });
}

std::size_t length_of(Json const& value) { return to_string(value).size(); }

Json plain(Json const& value);

// ---- writing ----

Json header_of(AnswerShape const& shape) {
  Json::Array header;
  if (shape.is_list()) {
    header.push_back(header_of(shape.parts.front()));
    return header;
  }
  for (std::size_t i = 0; i < shape.names.size(); ++i) {
    auto const name = escaped(shape.names[i]);
    auto const& part = shape.parts[i];
    if (part.is_object() || part.is_list()) {
      header.emplace_back(Json().set(name, header_of(part)));
    } else {
      header.emplace_back(name);
    }
  }
  return header;
}

Json cell_of(AnswerShape const& shape, Json const& value) {
  Json::Array cell;
  if (shape.is_list()) {
    for (auto const& item : *value.as_array()) cell.push_back(cell_of(shape.parts.front(), item));
    return cell;
  }
  if (!shape.is_object()) return plain(value);
  for (std::size_t i = 0; i < shape.names.size(); ++i)
    cell.push_back(cell_of(shape.parts[i], *value.find(shape.names[i])));
  return cell;
}

/// A value and how long its text is.
struct Form {
  Json value;
  std::size_t length = 0;
};

Form form_of(Json const& value, std::size_t depth_left);

Form list_form(Json::Array const& items, std::size_t depth_left) {
  Form list{Json::Array{}, 2};
  for (auto const& item : items) {
    auto form = form_of(item, depth_left - 1);
    list.length += form.length + (list.value.as_array()->empty() ? 0 : 1);
    list.value.as_array()->push_back(std::move(form.value));
  }
  if (depth_left + max_table_depth < max_depth_with_tables) return list;
  auto const shape = shape_of(items, max_shape_levels);
  if (!shape.is_list()) return list;
  Json::Array rows;
  rows.push_back(header_of(shape.parts.front()));
  for (auto const& item : items) rows.push_back(cell_of(shape.parts.front(), item));
  Form as_table{Json().set(table, std::move(rows)), 0};
  as_table.length = length_of(as_table.value);
  return as_table.length < list.length ? std::move(as_table) : std::move(list);
}

Form object_form(Json::Object const& members, std::size_t depth_left) {
  Form object{Json::Object{}, 2};
  auto& made = *object.value.as_object();
  for (auto const& [name, value] : members) {
    auto form = form_of(value, depth_left - 1);
    auto shown = escaped(name);
    object.length += form.length + length_of(shown) + 1 + (made.empty() ? 0 : 1);
    made.push_back({std::move(shown), std::move(form.value)});
  }
  sort_members(made);
  return object;
}

/// `depth_left`: of max_depth_with_tables.
Form form_of(Json const& value, std::size_t depth_left) {
  if (auto const* const items = value.as_array()) return list_form(*items, depth_left);
  if (auto const* const members = value.as_object()) return object_form(*members, depth_left);
  return {value, length_of(value)};
}

/// Sorted and escaped, without tables.
Json plain(Json const& value) {
  if (auto const* const items = value.as_array()) {
    Json::Array made;
    made.reserve(items->size());
    for (auto const& item : *items) made.push_back(plain(item));
    return made;
  }
  if (auto const* const members = value.as_object()) {
    Json::Object made;
    made.reserve(members->size());
    for (auto const& [name, part] : *members) made.push_back({escaped(name), plain(part)});
    sort_members(made);
    return made;
  }
  return value;
}

// ---- reading ----

Error no_table(std::string_view why) {
  return {Errc::invalid, "no table of an answer: " + std::string(why)};
}

Result<std::string> unescaped(std::string const& name) {
  if (!is_reserved(name)) return name;
  if (name == table) return no_table("a member is named " + name);
  return name.substr(1);
}

Result<AnswerShape> read_header(Json const& header);

Result<> read_column(Json const& column, AnswerShape& object) {
  AnswerShape part;
  auto const* name = column.as_string();
  if (auto const* const members = column.as_object()) {
    if (members->size() != 1) return no_table("a column has not one name");
    name = &members->front().name;
    TRY(part, read_header(members->front().value));
  }
  if (name == nullptr) return no_table("a column is neither a text nor an object");
  TRY(auto own, unescaped(*name));
  object.names.push_back(std::move(own));
  object.parts.push_back(std::move(part));
  return {};
}

Result<AnswerShape> read_header(Json const& header) {
  auto const* const columns = header.as_array();
  if (columns == nullptr || columns->empty()) return no_table("a header names no columns");
  AnswerShape shape;
  if (columns->front().as_array() != nullptr) {
    if (columns->size() != 1) return no_table("a header of lists has more than one header");
    shape.kind = AnswerShape::Kind::list;
    TRY(auto part, read_header(columns->front()));
    shape.parts.push_back(std::move(part));
    return shape;
  }
  shape.kind = AnswerShape::Kind::object;
  for (auto const& column : *columns) TRY_VOID(read_column(column, shape));
  auto sorted = shape.names;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    return no_table("two columns have the same name");
  return shape;
}

Result<Json> read_cell(AnswerShape const& shape, Json const& cell) {
  if (!shape.is_list() && !shape.is_object()) return without_tables(cell);
  auto const* const cells = cell.as_array();
  if (cells == nullptr) return no_table("a cell is no list");
  if (shape.is_list()) {
    Json::Array items;
    for (auto const& one : *cells) {
      TRY(auto item, read_cell(shape.parts.front(), one));
      items.push_back(std::move(item));
    }
    return Json(std::move(items));
  }
  if (cells->size() != shape.names.size()) return no_table("a row has not a cell for each column");
  Json::Object members;
  for (std::size_t i = 0; i < cells->size(); ++i) {
    TRY(auto value, read_cell(shape.parts[i], (*cells)[i]));
    members.push_back({shape.names[i], std::move(value)});
  }
  sort_members(members);
  return Json(std::move(members));
}

Result<Json> read_table(Json const& rows) {
  auto const* const all = rows.as_array();
  if (all == nullptr || all->empty()) return no_table("it has no header");
  TRY(auto const shape, read_header(all->front()));
  Json::Array items;
  for (std::size_t i = 1; i < all->size(); ++i) {
    TRY(auto item, read_cell(shape, (*all)[i]));
    items.push_back(std::move(item));
  }
  return Json(std::move(items));
}

}  // namespace

Json with_tables(Json const& value) {
  if (depth_of(value) > max_depth_with_tables) return plain(value);
  return form_of(value, max_depth_with_tables).value;
}

Result<Json> without_tables(Json const& value) {
  if (auto const* const items = value.as_array()) {
    Json::Array made;
    for (auto const& item : *items) {
      TRY(auto read, without_tables(item));
      made.push_back(std::move(read));
    }
    return Json(std::move(made));
  }
  auto const* const members = value.as_object();
  if (members == nullptr) return value;
  if (members->size() == 1 && members->front().name == table)
    return read_table(members->front().value);
  Json::Object made;
  for (auto const& [name, part] : *members) {
    TRY(auto own, unescaped(name));
    TRY(auto read, without_tables(part));
    made.push_back({std::move(own), std::move(read)});
  }
  sort_members(made);
  return Json(std::move(made));
}

}  // namespace dalsegno::activities
