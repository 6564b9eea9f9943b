#include "activities/tool/schema/check.h"

#include "activities/tool/schema/number.h"
#include "storage/event/json_text.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

namespace dalsegno::schema {
namespace {

constexpr std::size_t max_shown_bytes = 80;

/// A value as it is shown in a message.
std::string shown(Json const& value) {
  if (auto const* const array = value.as_array(); array != nullptr && array->size() > 8)
    return "an array of " + std::to_string(array->size()) + " items";
  if (auto const* const object = value.as_object(); object != nullptr && object->size() > 8)
    return "an object of " + std::to_string(object->size()) + " members";
  if (auto const* const text = value.as_string(); text != nullptr && text->size() > 4'096)
    return "a string of " + std::to_string(text->size()) + " bytes";
  auto text = to_string(value);
  if (text.size() <= max_shown_bytes) return text;
  std::size_t end = 0;
  while (end < max_shown_bytes) {
    auto const next = storage::utf8_length(std::string_view(text).substr(end));
    if (next == 0 || end + next > max_shown_bytes) break;
    end += next;
  }
  return text.substr(0, end) + "…";
}

std::string with_kind(Json const& value) {
  auto text = shown(value);
  return text.starts_with('a') || value.is_null() ? text : std::string(value.kind()) + " " + text;
}

std::string counted(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

bool has_type(std::string_view type, Json const& value) {
  return type == value.kind() || (type == "integer" && is_integer(value));
}

/// Whether the count keyword `name` of the schema holds for `count`: at least or at most.
bool is_below(Json const& schema, std::string_view name, std::size_t count) {
  auto const* const bound = schema.find(name);
  return bound != nullptr && compare_numbers(std::uint64_t{count}, *bound) < 0;
}
bool is_above(Json const& schema, std::string_view name, std::size_t count) {
  auto const* const bound = schema.find(name);
  return bound != nullptr && compare_numbers(std::uint64_t{count}, *bound) > 0;
}

std::size_t size_of(Json const& value) {
  if (auto const* const array = value.as_array()) return array->size();
  if (auto const* const object = value.as_object()) return object->size();
  if (auto const* const text = value.as_string()) return text->size() / 16;
  return 0;
}

/// The farther down a problem is found the nearer was the alternative.
std::size_t nearness(std::vector<Problem> const& problems) {
  std::size_t best = 0;
  for (auto const& problem : problems)
    best = std::max(best, static_cast<std::size_t>(std::ranges::count(problem.path, '/')));
  return best;
}

}  // namespace

void Check::Evaluated::add(Evaluated const& other) {
  if (parts.size() < other.parts.size()) parts.resize(other.parts.size());
  for (std::size_t i = 0; i < other.parts.size(); ++i)
    if (other.parts[i]) parts[i] = true;
}

void Check::Evaluated::add_one(std::size_t place, std::size_t count) {
  parts.resize(std::max(parts.size(), count));
  parts[place] = true;
}

Verdict Check::run(Json const& value) {
  Verdict verdict;
  try {
    Evaluated evaluated;
    bool const fits = apply(document_.root(), value, "", verdict.problems, evaluated);
    if (!fits && verdict.problems.empty()) verdict.problems.push_back({"", "it does not fit"});
    if (fits) verdict.problems.clear();
  } catch (std::invalid_argument const& error) {
    verdict.problems = {{"", error.what()}};
  }
  if (!cut_short_.empty()) {
    verdict.is_cut_short = true;
    verdict.problems = {{"", cut_short_}};
  }
  return verdict;
}

bool Check::wrong(Problems& problems, std::string const& path, std::string what) const {
  if (problems.size() < limits_.problems)
    problems.push_back({path, std::move(what)});
  else if (problems.size() == limits_.problems)
    problems.push_back({"", "and more"});
  return false;
}

bool Check::spend(std::size_t work) {
  if (!cut_short_.empty()) return false;
  work_ += work + 1;
  if (work_ > limits_.work) cut_short_ = "checking it against its schema takes too much work";
  return cut_short_.empty();
}

bool Check::same(Json const& a, Json const& b) {
  if (a.kind() != b.kind() || size_of(a) != size_of(b)) return false;
  if (a.is_number()) return compare_numbers(a, b) == 0;
  if (auto const* const x = a.as_bool()) return *x == *b.as_bool();
  if (auto const* const x = a.as_string()) return *x == *b.as_string();
  if (auto const* const x = a.as_array()) {
    auto const& y = *b.as_array();
    if (!spend(x->size())) return false;
    for (std::size_t i = 0; i < x->size(); ++i)
      if (!same((*x)[i], y[i])) return false;
    return true;
  }
  if (auto const* const x = a.as_object()) {
    if (!spend(x->size() * x->size())) return false;
    return std::ranges::all_of(*x, [&](Json::Member const& member) {
      auto const* const other = b.find(member.name);
      return other != nullptr && same(member.value, *other);
    });
  }
  return true;
}

bool Check::apply(Node const& node,
                  Json const& value,
                  std::string const& path,
                  Problems& problems,
                  Evaluated& evaluated) {
  if (auto const* const constant = node.json->as_bool())
    return *constant || wrong(problems, path, "nothing is permitted here");
  if (depth_ >= limits_.depth && cut_short_.empty())
    cut_short_ = "checking it takes schemas nested deeper than " + std::to_string(limits_.depth);
  if (!spend(size_of(value))) return false;
  bool const enters = scope_.empty() || scope_.back() != node.resource;
  if (enters) scope_.push_back(node.resource);
  ++depth_;
  Evaluated own;
  bool const fits = apply_object(node, value, path, problems, own);
  --depth_;
  if (enters) scope_.pop_back();
  if (fits && document_.needs_evaluated()) evaluated.add(own);
  return fits && cut_short_.empty();
}

bool Check::apply_object(Node const& node,
                         Json const& value,
                         std::string const& path,
                         Problems& problems,
                         Evaluated& evaluated) {
  if (document_.draft() == Draft::draft7 && node.reference != nullptr)
    return apply(*node.reference, value, path, problems, evaluated);
  auto const& schema = *node.json;
  bool fits = check_value(schema, value, path, problems);
  fits = apply_references(node, value, path, problems, evaluated) && fits;
  fits = apply_combined(node, value, path, problems, evaluated) && fits;
  if (value.is_number()) fits = check_number(schema, value, path, problems) && fits;
  if (auto const* const text = value.as_string())
    fits = check_string(node, *text, path, problems) && fits;
  if (value.as_object() != nullptr)
    fits = check_members(node, value, path, problems, evaluated) && fits;
  if (value.as_array() != nullptr)
    fits = check_items(node, value, path, problems, evaluated) && fits;
  if (document_.needs_evaluated())
    fits = check_unevaluated(schema, value, path, problems, evaluated) && fits;
  return fits;
}

Node const& Check::dynamic_target(Node const& node) const {
  if (!node.dynamic_name.empty())
    for (auto const* const resource : scope_)
      if (auto const found = resource->dynamic_anchors.find(node.dynamic_name);
          found != resource->dynamic_anchors.end())
        return *found->second;
  return *node.dynamic_reference;
}

bool Check::apply_references(Node const& node,
                             Json const& value,
                             std::string const& path,
                             Problems& problems,
                             Evaluated& evaluated) {
  bool fits = true;
  if (node.reference != nullptr) fits = apply(*node.reference, value, path, problems, evaluated);
  if (node.dynamic_reference != nullptr)
    fits = apply(dynamic_target(node), value, path, problems, evaluated) && fits;
  return fits;
}

bool Check::apply_combined(Node const& node,
                           Json const& value,
                           std::string const& path,
                           Problems& problems,
                           Evaluated& evaluated) {
  auto const& schema = *node.json;
  bool fits = true;
  if (auto const* const all = schema.find("allOf"))
    for (auto const& part : *all->as_array())
      fits = apply(document_.at(part), value, path, problems, evaluated) && fits;
  fits = apply_choice(node, value, path, problems, evaluated) && fits;
  if (auto const* const no = schema.find("not")) {
    Problems ignored;
    Evaluated none;
    if (apply(document_.at(*no), value, path, ignored, none))
      fits =
          wrong(problems, path, "it fits a schema that it must not fit (\"not\"): " + shown(*no));
  }
  if (auto const* const condition = schema.find("if")) {
    Problems ignored;
    bool const holds = apply(document_.at(*condition), value, path, ignored, evaluated);
    if (auto const* const then = schema.find(holds ? "then" : "else"))
      fits = apply(document_.at(*then), value, path, problems, evaluated) && fits;
  }
  return fits;
}

bool Check::apply_choice(Node const& node,
                         Json const& value,
                         std::string const& path,
                         Problems& problems,
                         Evaluated& evaluated) {
  bool fits = true;
  for (std::string_view const name : {"anyOf", "oneOf"}) {
    auto const* const choice = node.json->find(name);
    if (choice == nullptr) continue;
    auto const& parts = *choice->as_array();
    std::size_t fitting = 0;
    Problems nearest;
    for (auto const& part : parts) {
      Problems reasons;
      if (apply(document_.at(part), value, path, reasons, evaluated))
        ++fitting;
      else if (nearest.empty() || nearness(reasons) > nearness(nearest))
        nearest = std::move(reasons);
    }
    if (fitting == 0) {
      auto what = "it fits none of the " + counted(parts.size(), "alternative") + " (" +
                  std::string(name) + ")";
      if (!nearest.empty()) what += "; of the nearest, " + to_string(nearest.front());
      fits = wrong(problems, path, std::move(what));
    } else if (fitting > 1 && name == "oneOf") {
      fits = wrong(problems,
                   path,
                   "it fits " + std::to_string(fitting) + " of the " +
                       counted(parts.size(), "alternative") + " and may fit only one (oneOf)");
    }
  }
  return fits;
}

bool Check::check_value(Json const& schema,
                        Json const& value,
                        std::string const& path,
                        Problems& problems) {
  bool fits = true;
  if (auto const* const type = schema.find("type")) {
    auto const* const several = type->as_array();
    bool const is_one = several == nullptr ? has_type(*type->as_string(), value)
                                           : std::ranges::any_of(*several, [&](Json const& name) {
                                               return has_type(*name.as_string(), value);
                                             });
    if (!is_one) {
      std::string expected;
      if (several == nullptr)
        expected = *type->as_string();
      else
        for (auto const& name : *several)
          expected += (expected.empty() ? "" : " or ") + *name.as_string();
      fits = wrong(problems, path, "expected " + expected + ", got " + with_kind(value));
    }
  }
  if (auto const* const constant = schema.find("const");
      constant != nullptr && !same(*constant, value))
    fits = wrong(problems, path, "expected " + shown(*constant) + ", got " + shown(value));
  if (auto const* const values = schema.find("enum"); values != nullptr) {
    auto const& permitted = *values->as_array();
    if (std::ranges::none_of(permitted, [&](Json const& one) { return same(one, value); })) {
      std::string expected;
      for (std::size_t i = 0; i < permitted.size() && i < 12; ++i)
        expected += (i == 0 ? "" : ", ") + shown(permitted[i]);
      if (permitted.size() > 12) expected += ", …";
      fits = wrong(problems, path, "expected one of " + expected + "; got " + shown(value));
    }
  }
  return fits;
}

bool Check::check_number(Json const& schema,
                         Json const& value,
                         std::string const& path,
                         Problems& problems) {
  bool fits = true;
  auto const compare = [&](std::string_view name, auto const& holds, std::string_view what) {
    auto const* const bound = schema.find(name);
    if (bound != nullptr && !holds(compare_numbers(value, *bound)))
      fits = wrong(problems,
                   path,
                   "expected " + std::string(what) + " " + shown(*bound) + ", got " + shown(value));
  };
  compare("minimum", [](auto order) { return order >= 0; }, "at least");
  compare("maximum", [](auto order) { return order <= 0; }, "at most");
  compare("exclusiveMinimum", [](auto order) { return order > 0; }, "more than");
  compare("exclusiveMaximum", [](auto order) { return order < 0; }, "less than");
  if (auto const* const unit = schema.find("multipleOf");
      unit != nullptr && !is_multiple(value, *unit))
    fits =
        wrong(problems, path, "expected a multiple of " + shown(*unit) + ", got " + shown(value));
  return fits;
}

bool Check::check_string(Node const& node,
                         std::string const& text,
                         std::string const& path,
                         Problems& problems) {
  auto const& schema = *node.json;
  bool fits = true;
  auto const length = length_of(text);
  if (is_below(schema, "minLength", length))
    fits = wrong(problems,
                 path,
                 "expected " + shown(*schema.find("minLength")) + " characters or more, got " +
                     std::to_string(length));
  if (is_above(schema, "maxLength", length))
    fits = wrong(problems,
                 path,
                 "expected " + shown(*schema.find("maxLength")) + " characters or fewer, got " +
                     std::to_string(length));
  if (node.pattern && (!spend(text.size()) || !is_found(*node.pattern, text)))
    fits = wrong(problems,
                 path,
                 "expected a match of the pattern " + shown(*schema.find("pattern")) + ", got " +
                     shown(text));
  return fits;
}

bool Check::check_member_names(Json const& schema,
                               Json const& value,
                               std::string const& path,
                               Problems& problems,
                               Evaluated& evaluated) {
  bool fits = true;
  if (auto const* const names = schema.find("required"))
    for (auto const& name : *names->as_array())
      if (!spend(size_of(value)) || value.find(*name.as_string()) == nullptr)
        fits = wrong(problems, path, "the member " + shown(name) + " is missing");
  auto const* const needed =
      schema.find(document_.draft() == Draft::draft7 ? "dependencies" : "dependentRequired");
  if (needed != nullptr)
    for (auto const& [member, names] : *needed->as_object()) {
      if (value.find(member) == nullptr) continue;
      if (auto const* const array = names.as_array()) {
        for (auto const& name : *array)
          if (value.find(*name.as_string()) == nullptr)
            fits = wrong(problems,
                         path,
                         "the member " + shown(name) + " is missing; \"" + member + "\" needs it");
      } else {
        fits = apply(document_.at(names), value, path, problems, evaluated) && fits;
      }
    }
  auto const* const dependent =
      document_.draft() == Draft::draft7 ? nullptr : schema.find("dependentSchemas");
  if (dependent != nullptr)
    for (auto const& [member, needs] : *dependent->as_object())
      if (value.find(member) != nullptr)
        fits = apply(document_.at(needs), value, path, problems, evaluated) && fits;
  if (auto const* const names = schema.find("propertyNames"))
    for (auto const& member : *value.as_object()) {
      Problems reasons;
      Evaluated none;
      if (!apply(document_.at(*names), member.name, path, reasons, none))
        fits = wrong(problems,
                     path,
                     "the name " + shown(member.name) + " is not permitted" +
                         (reasons.empty() ? "" : ": " + reasons.front().what));
    }
  return fits;
}

bool Check::check_members(Node const& node,
                          Json const& value,
                          std::string const& path,
                          Problems& problems,
                          Evaluated& evaluated) {
  auto const& schema = *node.json;
  auto const& members = *value.as_object();
  bool fits = check_member_names(schema, value, path, problems, evaluated);
  if (is_below(schema, "minProperties", members.size()))
    fits = wrong(problems,
                 path,
                 "expected " + shown(*schema.find("minProperties")) + " members or more, got " +
                     std::to_string(members.size()));
  if (is_above(schema, "maxProperties", members.size()))
    fits = wrong(problems,
                 path,
                 "expected " + shown(*schema.find("maxProperties")) + " members or fewer, got " +
                     std::to_string(members.size()));
  auto const* const properties = schema.find("properties");
  auto const* const by_pattern = schema.find("patternProperties");
  auto const* const additional = schema.find("additionalProperties");
  if (properties == nullptr && by_pattern == nullptr && additional == nullptr) return fits;
  for (std::size_t i = 0; i < members.size(); ++i) {
    auto const& [name, member] = members[i];
    if (!spend(properties == nullptr ? 0 : size_of(*properties))) return false;
    auto const below = append_token(path, name);
    bool is_known = false;
    Evaluated none;
    if (auto const* const own = properties == nullptr ? nullptr : properties->find(name)) {
      is_known = true;
      fits = apply(document_.at(*own), member, below, problems, none) && fits;
    }
    if (by_pattern != nullptr) {
      auto const& patterns = *by_pattern->as_object();
      for (std::size_t p = 0; p < patterns.size(); ++p) {
        if (!spend(name.size())) return false;
        // Where nobody can tell whether the pattern covers a member it is not called superfluous.
        if (!node.patterns[p]) is_known = true;
        if (!node.patterns[p] || !is_found(*node.patterns[p], name)) continue;
        is_known = true;
        fits = apply(document_.at(patterns[p].value), member, below, problems, none) && fits;
      }
    }
    if (!is_known && additional != nullptr) {
      is_known = true;
      auto const* const permitted = additional->as_bool();
      if (permitted != nullptr && !*permitted)
        fits = wrong(problems, below, "there is no such member in the schema");
      else
        fits = apply(document_.at(*additional), member, below, problems, none) && fits;
    }
    if (is_known) evaluated.add_one(i, members.size());
  }
  return fits;
}

bool Check::check_items(Node const& node,
                        Json const& value,
                        std::string const& path,
                        Problems& problems,
                        Evaluated& evaluated) {
  auto const& schema = *node.json;
  auto const& items = *value.as_array();
  bool fits = true;
  if (is_below(schema, "minItems", items.size()))
    fits = wrong(problems,
                 path,
                 "expected " + shown(*schema.find("minItems")) + " items or more, got " +
                     std::to_string(items.size()));
  if (is_above(schema, "maxItems", items.size()))
    fits = wrong(problems,
                 path,
                 "expected " + shown(*schema.find("maxItems")) + " items or fewer, got " +
                     std::to_string(items.size()));
  if (auto const* const unique = schema.find("uniqueItems");
      unique != nullptr && *unique->as_bool()) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!spend(size_of(items[i]))) return false;
      if (!seen.insert(canonical(items[i])).second)
        fits = wrong(problems,
                     append_token(path, std::to_string(i)),
                     "it stands in the array twice: " + shown(items[i]));
    }
  }
  bool const is_old = document_.draft() == Draft::draft7;
  auto const* const items_keyword = schema.find("items");
  bool const is_tuple = is_old && items_keyword != nullptr && items_keyword->as_array() != nullptr;
  auto const* const prefix =
      is_old ? (is_tuple ? items_keyword : nullptr) : schema.find("prefixItems");
  auto const* const rest = is_tuple ? schema.find("additionalItems") : items_keyword;
  std::size_t const fixed = prefix == nullptr ? 0 : prefix->as_array()->size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto const* const own = i < fixed ? &(*prefix->as_array())[i] : rest;
    if (own == nullptr) break;
    Evaluated none;
    fits =
        apply(
            document_.at(*own), items[i], append_token(path, std::to_string(i)), problems, none) &&
        fits;
    if (!cut_short_.empty()) return false;
    evaluated.add_one(i, items.size());
  }
  return check_contains(schema, items, path, problems, evaluated) && fits;
}

bool Check::check_contains(Json const& schema,
                           Json::Array const& items,
                           std::string const& path,
                           Problems& problems,
                           Evaluated& evaluated) {
  auto const* const contains = schema.find("contains");
  if (contains == nullptr) return true;
  std::size_t found = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Problems ignored;
    Evaluated none;
    if (!apply(document_.at(*contains), items[i], path, ignored, none)) continue;
    ++found;
    evaluated.add_one(i, items.size());
  }
  bool const is_old = document_.draft() == Draft::draft7;
  auto const* const least = is_old ? nullptr : schema.find("minContains");
  if (least == nullptr ? found == 0 : compare_numbers(std::uint64_t{found}, *least) < 0)
    return wrong(problems,
                 path,
                 "expected " + (least == nullptr ? "1" : shown(*least)) +
                     " or more items that fit " + shown(*contains) + ", got " +
                     std::to_string(found));
  if (!is_old && is_above(schema, "maxContains", found))
    return wrong(problems,
                 path,
                 "expected " + shown(*schema.find("maxContains")) + " or fewer items that fit " +
                     shown(*contains) + ", got " + std::to_string(found));
  return true;
}

bool Check::check_unevaluated(Json const& schema,
                              Json const& value,
                              std::string const& path,
                              Problems& problems,
                              Evaluated& evaluated) {
  bool fits = true;
  if (auto const* const members = value.as_object()) {
    auto const* const rule = schema.find("unevaluatedProperties");
    if (rule == nullptr) return true;
    for (std::size_t i = 0; i < members->size(); ++i) {
      if (evaluated.has(i)) continue;
      Evaluated none;
      fits = apply(document_.at(*rule),
                   (*members)[i].value,
                   append_token(path, (*members)[i].name),
                   problems,
                   none) &&
             fits;
    }
    evaluated.add_all(members->size());
  } else if (auto const* const items = value.as_array()) {
    auto const* const rule = schema.find("unevaluatedItems");
    if (rule == nullptr) return true;
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (evaluated.has(i)) continue;
      Evaluated none;
      fits = apply(document_.at(*rule),
                   (*items)[i],
                   append_token(path, std::to_string(i)),
                   problems,
                   none) &&
             fits;
    }
    evaluated.add_all(items->size());
  }
  return fits;
}

}  // namespace dalsegno::schema
