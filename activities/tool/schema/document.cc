#include "activities/tool/schema/document.h"

#include "activities/tool/schema/number.h"
#include "activities/tool/schema/uri_reference.h"
#include "dalsegno/try.h"

#include <array>
#include <charconv>
#include <utility>

namespace dalsegno::schema {
namespace {

enum class Form : std::uint8_t {
  schema,
  schemas,            // an array of schemas
  schema_or_schemas,  // "items" of draft 7
  schema_map,
  schema_or_names_map,  // "dependencies" of draft 7
  names_map,
  names,
  type,
  array,
  text,
  flag,
  number,
  positive,
  count,
};

struct Keyword {
  std::string_view name;
  Form form;
  enum class In : std::uint8_t { both, draft7, draft2020_12 } in = In::both;
};

constexpr std::array keywords{
    Keyword{"$ref", Form::text},
    Keyword{"$dynamicRef", Form::text, Keyword::In::draft2020_12},
    Keyword{"$id", Form::text},
    Keyword{"$anchor", Form::text, Keyword::In::draft2020_12},
    Keyword{"$dynamicAnchor", Form::text, Keyword::In::draft2020_12},
    Keyword{"$defs", Form::schema_map},
    Keyword{"definitions", Form::schema_map},
    Keyword{"allOf", Form::schemas},
    Keyword{"anyOf", Form::schemas},
    Keyword{"oneOf", Form::schemas},
    Keyword{"not", Form::schema},
    Keyword{"if", Form::schema},
    Keyword{"then", Form::schema},
    Keyword{"else", Form::schema},
    Keyword{"properties", Form::schema_map},
    Keyword{"patternProperties", Form::schema_map},
    Keyword{"additionalProperties", Form::schema},
    Keyword{"propertyNames", Form::schema},
    Keyword{"dependentSchemas", Form::schema_map, Keyword::In::draft2020_12},
    Keyword{"dependentRequired", Form::names_map, Keyword::In::draft2020_12},
    Keyword{"dependencies", Form::schema_or_names_map, Keyword::In::draft7},
    Keyword{"unevaluatedProperties", Form::schema, Keyword::In::draft2020_12},
    Keyword{"unevaluatedItems", Form::schema, Keyword::In::draft2020_12},
    Keyword{"prefixItems", Form::schemas, Keyword::In::draft2020_12},
    Keyword{"items", Form::schema_or_schemas, Keyword::In::draft7},
    Keyword{"items", Form::schema, Keyword::In::draft2020_12},
    Keyword{"additionalItems", Form::schema, Keyword::In::draft7},
    Keyword{"contains", Form::schema},
    Keyword{"minContains", Form::count, Keyword::In::draft2020_12},
    Keyword{"maxContains", Form::count, Keyword::In::draft2020_12},
    Keyword{"required", Form::names},
    Keyword{"type", Form::type},
    Keyword{"enum", Form::array},
    Keyword{"pattern", Form::text},
    Keyword{"minLength", Form::count},
    Keyword{"maxLength", Form::count},
    Keyword{"minItems", Form::count},
    Keyword{"maxItems", Form::count},
    Keyword{"minProperties", Form::count},
    Keyword{"maxProperties", Form::count},
    Keyword{"uniqueItems", Form::flag},
    Keyword{"minimum", Form::number},
    Keyword{"maximum", Form::number},
    Keyword{"exclusiveMinimum", Form::number},
    Keyword{"exclusiveMaximum", Form::number},
    Keyword{"multipleOf", Form::positive},
};

Keyword const* keyword(std::string_view name, Draft draft) {
  auto const other = draft == Draft::draft7 ? Keyword::In::draft2020_12 : Keyword::In::draft7;
  for (auto const& entry : keywords)
    if (entry.name == name && entry.in != other) return &entry;
  return nullptr;
}

Error wrong(std::string const& pointer, std::string const& what) {
  return Error{Errc::invalid, "at #" + pointer + ": " + what};
}

bool are_names(Json const& value) {
  auto const* const array = value.as_array();
  if (array == nullptr) return false;
  for (auto const& item : *array)
    if (item.as_string() == nullptr) return false;
  return true;
}

bool is_type_name(Json const& value) {
  auto const* const text = value.as_string();
  if (text == nullptr) return false;
  for (std::string_view const name :
       {"null", "boolean", "integer", "number", "string", "array", "object"})
    if (*text == name) return true;
  return false;
}

bool is_schema(Json const& value) {
  return value.as_bool() != nullptr || value.as_object() != nullptr;
}

/// What is expected where `value` does not have this form; "" where it has.
std::string_view mismatch(Form form, Json const& value) {
  auto const* const array = value.as_array();
  auto const* const object = value.as_object();
  switch (form) {
    case Form::schema:
      return is_schema(value) ? "" : "a schema";
    case Form::schemas:
      return array != nullptr ? "" : "an array of schemas";
    case Form::schema_or_schemas:
      return array != nullptr || is_schema(value) ? "" : "a schema or an array of schemas";
    case Form::schema_map:
    case Form::schema_or_names_map:
      return object != nullptr ? "" : "an object of schemas";
    case Form::names_map:
      if (object != nullptr) {
        for (auto const& member : *object)
          if (!are_names(member.value)) return "an object of arrays of names";
        return "";
      }
      return "an object of arrays of names";
    case Form::names:
      return are_names(value) ? "" : "an array of names";
    case Form::type:
      if (array != nullptr) {
        for (auto const& item : *array)
          if (!is_type_name(item)) return "names of types";
        return "";
      }
      return is_type_name(value) ? "" : "the name of a type, or several";
    case Form::array:
      return array != nullptr ? "" : "an array";
    case Form::text:
      return value.as_string() != nullptr ? "" : "a string";
    case Form::flag:
      return value.as_bool() != nullptr ? "" : "true or false";
    case Form::number:
      return value.is_number() ? "" : "a number";
    case Form::positive:
      return value.is_number() && compare_numbers(value, 0) > 0 ? "" : "a number above 0";
    case Form::count:
      return value.is_number() && is_integer(value) && compare_numbers(value, 0) >= 0
                 ? ""
                 : "an integer of 0 or more";
  }
  return "";
}

std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    bool const is_escape = token[i] == '~' && i + 1 < token.size();
    if (is_escape && token[i + 1] == '1')
      out += '/', ++i;
    else if (is_escape && token[i + 1] == '0')
      out += '~', ++i;
    else
      out += token[i];
  }
  return out;
}

Json const* child(Json const& value, std::string const& token) {
  if (auto const* const array = value.as_array()) {
    std::size_t place = 0;
    auto const end = token.data() + token.size();
    auto const read = std::from_chars(token.data(), end, place);
    return read.ec == std::errc() && read.ptr == end && place < array->size() ? &(*array)[place]
                                                                              : nullptr;
  }
  return value.find(token);
}

/// In draft 7 nothing counts beside a $ref.
bool is_only_a_reference(Json const& json, Draft draft) {
  return draft == Draft::draft7 && json.find("$ref") != nullptr;
}

}  // namespace

std::string append_token(std::string_view pointer, std::string_view token) {
  std::string out(pointer);
  out += '/';
  for (char const c : token) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

Result<std::shared_ptr<Document const>> Document::read(Json schema, Draft draft) {
  if (!is_schema(schema)) return wrong("", "a schema is an object, true or false");
  if (auto const named = schema.text("$schema"); !named.empty()) {
    if (named.contains("/draft-0")) draft = Draft::draft7;
    if (named.contains("/2020-12/") || named.contains("/2019-09/")) draft = Draft::draft2020_12;
  }
  std::shared_ptr<Document> document(new Document(std::move(schema), draft));
  document->resources_.push_back(std::make_unique<Resource>());
  auto* const resource = document->resources_.back().get();
  document->by_uri_.emplace("", resource);
  TRY_VOID(document->index(document->schema_, resource, "", 0));
  document->root_ = document->nodes_.at(&document->schema_).get();
  TRY_VOID(document->resolve_references());
  return std::shared_ptr<Document const>(std::move(document));
}

Result<> Document::index(Json const& json,
                         Resource* resource,
                         std::string pointer,
                         std::size_t depth) {
  if (!is_schema(json)) return wrong(pointer, "expected a schema, got " + std::string(json.kind()));
  if (nodes_.contains(&json)) return {};
  if (depth > max_schema_depth || nodes_.size() >= max_subschemas)
    return Error{Errc::too_large,
                 "the schema has more than " + std::to_string(max_subschemas) +
                     " subschemas, or they are nested deeper than " +
                     std::to_string(max_schema_depth)};
  auto made = std::make_unique<Node>();
  auto* const node = made.get();
  node->json = &json;
  node->resource = resource;
  node->pointer = std::move(pointer);
  nodes_.emplace(&json, std::move(made));
  in_order_.push_back(node);
  if (resource->root == nullptr) resource->root = node;
  if (json.as_object() == nullptr) return {};
  TRY_VOID(identify(*node));
  TRY_VOID(read_patterns(*node));
  return index_children(*node, depth);
}

Result<> Document::identify(Node& node) {
  auto const& json = *node.json;
  if (is_only_a_reference(json, draft_)) return {};
  auto const id = json.text("$id");
  bool const is_anchor = draft_ == Draft::draft7 && id.starts_with('#');
  if (!id.empty() && !is_anchor) {
    auto uri = resolve(node.resource->uri, id).uri;
    if (node.pointer.empty()) {
      node.resource->uri = uri;
    } else {
      resources_.push_back(std::make_unique<Resource>(uri, &node));
      node.resource = resources_.back().get();
    }
    by_uri_.emplace(std::move(uri), node.resource);
  }
  auto const name = [&](std::string_view anchor) {
    by_anchor_.emplace(node.resource->uri + "#" + std::string(anchor), &node);
  };
  if (is_anchor) name(id.substr(1));
  if (draft_ == Draft::draft7) return {};
  if (auto const anchor = json.text("$anchor"); !anchor.empty()) name(anchor);
  if (auto const anchor = json.text("$dynamicAnchor"); !anchor.empty()) {
    name(anchor);
    node.resource->dynamic_anchors.emplace(anchor, &node);
  }
  return {};
}

Result<> Document::read_patterns(Node& node) {
  auto const compile = [&](std::string const& pattern, std::string const& where) {
    auto compiled = compile_pattern(pattern);
    if (!compiled) unchecked_.push_back("#" + where);
    return compiled;
  };
  if (auto const* const pattern = node.json->find("pattern"); pattern != nullptr)
    if (auto const* const text = pattern->as_string())
      node.pattern = compile(*text, node.pointer + "/pattern");
  if (auto const* const map = node.json->find("patternProperties"); map != nullptr)
    if (auto const* const members = map->as_object())
      for (auto const& member : *members)
        node.patterns.push_back(
            compile(member.name, append_token(node.pointer + "/patternProperties", member.name)));
  return {};
}

Result<> Document::index_children(Node const& node, std::size_t depth) {
  bool const is_reference = is_only_a_reference(*node.json, draft_);
  for (auto const& [name, value] : *node.json->as_object()) {
    auto const* const known = keyword(name, draft_);
    if (known == nullptr) continue;
    if (is_reference && known->form != Form::schema_map && name != "$ref") continue;
    auto const pointer = append_token(node.pointer, name);
    if (auto const expected = mismatch(known->form, value); !expected.empty())
      return wrong(
          pointer,
          "expected " + std::string(expected) + ", got " + to_string(value).substr(0, 100));
    if (name.starts_with("unevaluated")) needs_evaluated_ = true;
    auto const* const array = value.as_array();
    auto const* const object = value.as_object();
    switch (known->form) {
      case Form::schema:
        TRY_VOID(index(value, node.resource, pointer, depth + 1));
        break;
      case Form::schemas:
      case Form::schema_or_schemas:
        if (array == nullptr) {
          TRY_VOID(index(value, node.resource, pointer, depth + 1));
          break;
        }
        for (std::size_t i = 0; i < array->size(); ++i)
          TRY_VOID(index(
              (*array)[i], node.resource, append_token(pointer, std::to_string(i)), depth + 1));
        break;
      case Form::schema_map:
      case Form::schema_or_names_map:
        for (auto const& member : *object) {
          if (known->form == Form::schema_or_names_map && are_names(member.value)) continue;
          TRY_VOID(
              index(member.value, node.resource, append_token(pointer, member.name), depth + 1));
        }
        break;
      default:
        break;
    }
  }
  return {};
}

Result<> Document::resolve_references() {
  // A reference may lead to a place that is no schema's until then, so the list grows.
  for (std::size_t i = 0; i < in_order_.size(); ++i) {
    auto& node = *in_order_[i];
    std::string anchor;
    if (node.json->find("$ref") != nullptr)
      if (auto const* const text = node.json->find("$ref")->as_string()) {
        TRY(node.reference, find(node, *text, anchor));
      }
    if (draft_ == Draft::draft7 || node.json->text("$dynamicRef").empty()) continue;
    anchor.clear();
    TRY(node.dynamic_reference, find(node, node.json->text("$dynamicRef"), anchor));
    if (node.dynamic_reference->json->text("$dynamicAnchor") == anchor && !anchor.empty())
      node.dynamic_name = anchor;
  }
  return {};
}

Result<Node const*> Document::find(Node const& from,
                                   std::string_view reference,
                                   std::string& anchor) {
  auto const lost = [&] {
    return wrong(from.pointer,
                 "the reference \"" + std::string(reference.substr(0, 200)) +
                     "\" leads to nothing in this schema, and none is fetched");
  };
  auto const target = resolve(from.resource->uri, reference);
  auto const resource = by_uri_.find(target.uri);
  if (resource == by_uri_.end()) return lost();
  if (target.fragment.empty()) return resource->second->root;
  if (target.fragment.starts_with('/')) {
    TRY(auto const* const found, follow(*resource->second->root, target.fragment));
    if (found == nullptr) return lost();
    return found;
  }
  auto const named = by_anchor_.find(resource->second->uri + "#" + target.fragment);
  if (named == by_anchor_.end()) return lost();
  anchor = target.fragment;
  return named->second;
}

Result<Node const*> Document::follow(Node const& from, std::string_view pointer) {
  auto const* value = from.json;
  auto* resource = from.resource;
  auto place = from.pointer;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    auto const token = unescaped(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(std::min(pointer.find('/'), pointer.size()));
    value = child(*value, token);
    if (value == nullptr) return nullptr;
    place = append_token(place, token);
    if (auto const known = nodes_.find(value); known != nodes_.end())
      resource = known->second->resource;
  }
  TRY_VOID(index(*value, resource, std::move(place), 0));
  return nodes_.at(value).get();
}

}  // namespace dalsegno::schema
