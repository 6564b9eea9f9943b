#include "activities/tool/answer_shape.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace dalsegno::activities {
namespace {

using Kind = AnswerShape::Kind;

AnswerShape in_common(AnswerShape a, AnswerShape b);

AnswerShape of_items(Json::Array const& items, int levels) {
  if (items.empty()) return {.kind = Kind::empty_list};
  auto common = shape_of(items.front(), levels);
  for (std::size_t i = 1; i < items.size() && common.kind != Kind::leaf; ++i)
    common = in_common(std::move(common), shape_of(items[i], levels));
  if (!common.is_object() && !common.is_list()) return {};
  AnswerShape list{.kind = Kind::list};
  list.parts.push_back(std::move(common));
  return list;
}

AnswerShape of_members(Json::Object const& members, int levels) {
  if (members.empty()) return {};
  std::vector<Json::Member const*> sorted;
  sorted.reserve(members.size());
  for (auto const& member : members) sorted.push_back(&member);
  std::ranges::sort(sorted,
                    [](auto const* a, auto const* b) { return canonical_less(a->name, b->name); });
  AnswerShape object{.kind = Kind::object};
  for (auto const* member : sorted) {
    object.names.push_back(member->name);
    object.parts.push_back(shape_of(member->value, levels));
  }
  return object;
}

AnswerShape in_common(AnswerShape a, AnswerShape b) {
  if (a.kind == Kind::empty_list && b.is_list()) return b;
  if (b.kind == Kind::empty_list && a.is_list()) return a;
  if (a.kind != b.kind || a.names != b.names) return {};
  for (std::size_t i = 0; i < a.parts.size(); ++i)
    a.parts[i] = in_common(std::move(a.parts[i]), std::move(b.parts[i]));
  if (a.is_list() && a.parts.front().kind == Kind::leaf) return {};
  return a;
}

}  // namespace

AnswerShape shape_of(Json const& value, int levels) {
  if (levels == 0) return {};
  if (auto const* const items = value.as_array()) return of_items(*items, levels - 1);
  if (auto const* const members = value.as_object()) return of_members(*members, levels - 1);
  return {};
}

}  // namespace dalsegno::activities
