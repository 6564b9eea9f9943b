// RFC 8785, the JSON Canonicalization Scheme.

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "storage/event/json_text.h"

#include <algorithm>
#include <vector>

namespace dalsegno {

namespace {

void append_canonical(std::string& out, Json const& value);

void append_array(std::string& out, Json::Array const& array) {
  out += '[';
  for (auto const& item : array) {
    if (&item != array.data()) out += ',';
    append_canonical(out, item);
  }
  out += ']';
}

void append_member(std::string& out, Json::Member const& member) {
  append_quoted(out, member.name);
  out += ':';
  append_canonical(out, member.value);
}

void append_object(std::string& out, Json::Object const& object) {
  auto const stands_before = [](Json::Member const* a, Json::Member const* b) {
    return canonical_less(a->name, b->name);
  };
  std::vector<Json::Member const*> members;
  members.reserve(object.size());
  for (auto const& member : object) members.push_back(&member);
  if (!std::ranges::is_sorted(members, stands_before)) std::ranges::sort(members, stands_before);
  out += '{';
  for (auto const* member : members) {
    if (member != members.front()) out += ',';
    append_member(out, *member);
  }
  out += '}';
}

void append_canonical(std::string& out, Json const& value) {
  if (auto const* array = value.as_array())
    append_array(out, *array);
  else if (auto const* object = value.as_object())
    append_object(out, *object);
  else
    storage::append_scalar(out, value);
}

}  // namespace

std::string canonical(Json const& value) {
  std::string out;
  append_canonical(out, value);
  return out;
}

Result<std::string> canonicalize(std::string_view text) {
  TRY(auto const value, parse_json(text));
  return canonical(value);
}

}  // namespace dalsegno
