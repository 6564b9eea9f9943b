#include "engine/policy/reading.h"

#include <algorithm>
#include <unordered_map>

namespace dalsegno::engine {
namespace {

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::string describe_kind(Json const& value) {
  auto const kind = value.kind();
  if (kind == "null") return "null";
  return (kind == "array" || kind == "object" ? "an " : "a ") + std::string(kind);
}

std::string operator/(std::string_view pointer, std::string_view step) {
  std::string out(pointer);
  out += '/';
  for (char const c : step) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string operator/(std::string_view pointer, std::size_t index) {
  return pointer / std::string_view(std::to_string(index));
}

void Reading::note_wrong_kind(std::string_view pointer,
                              std::string_view field,
                              std::string_view wanted,
                              Json const& found) {
  note(pointer,
       quoted(field) + " must be " + std::string(wanted) + ", not " + describe_kind(found));
}

void Reading::check_fields(Json const& object,
                           std::string_view pointer,
                           std::span<std::string_view const> known) {
  for (auto const& member : *object.as_object()) {
    if (std::ranges::find(known, member.name) != known.end()) continue;
    note(pointer / member.name + "#key",
         "unknown field " + quoted(member.name) + suggestion(member.name, known));
  }
}

std::string const* Reading::string(Json const& object,
                                   std::string_view pointer,
                                   std::string_view field) {
  auto const* const value = object.find(field);
  if (value == nullptr) return nullptr;
  if (value->as_string() == nullptr) note_wrong_kind(pointer / field, field, "a string", *value);
  return value->as_string();
}

std::string Reading::text(Json const& object, std::string_view pointer, std::string_view field) {
  auto const* const text = string(object, pointer, field);
  if (text == nullptr) return {};
  if (text->size() > max_text_bytes) {
    note(pointer / field,
         quoted(field) + " is " + std::to_string(text->size()) + " bytes long; at most " +
             std::to_string(max_text_bytes) + " are allowed");
  }
  return *text;
}

Patterns Reading::patterns(Json const& object, std::string_view pointer, std::string_view field) {
  Patterns out;
  auto const* const value = object.find(field);
  if (value == nullptr) return out;
  auto const list_place = pointer / field;
  auto const* const list = value->as_array();
  if (list == nullptr) {
    note_wrong_kind(list_place, field, "a list of strings", *value);
    return out;
  }
  if (list->empty()) {
    note(list_place,
         quoted(field) + " is empty: the rule would match nothing" +
             (field == "actions" ? "" : "; leave it out to match any"));
    return out;
  }
  if (list->size() > max_list_entries) {
    note(list_place,
         quoted(field) + " has " + std::to_string(list->size()) + " entries; at most " +
             std::to_string(max_list_entries) + " are allowed");
    return out;
  }
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto const place = list_place / i;
    auto const* const pattern = (*list)[i].as_string();
    if (pattern == nullptr) {
      note(place,
           "an entry of " + quoted(field) + " must be a string, not " + describe_kind((*list)[i]));
    } else if (pattern->empty()) {
      note(place, "an entry of " + quoted(field) + " is empty");
    } else if (pattern->size() > max_pattern_bytes) {
      note(place,
           "an entry of " + quoted(field) + " is " + std::to_string(pattern->size()) +
               " bytes long; at most " + std::to_string(max_pattern_bytes) + " are allowed");
    } else if (has_control_characters(*pattern)) {
      note(place,
           "an entry of " + quoted(field) + " contains a control character: " + quoted(*pattern));
    } else if (!seen.emplace(*pattern, i).second) {
      note(place, quoted(*pattern) + " stands twice in " + quoted(field));
    } else {
      out.push_back(*pattern);
    }
  }
  return out;
}

std::optional<std::size_t> Reading::word(std::string const& word,
                                         std::string_view pointer,
                                         std::string_view what,
                                         std::span<std::string_view const> known) {
  auto const found = std::ranges::find(known, word);
  if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
  note(pointer, "unknown " + std::string(what) + " " + quoted(word) + suggestion(word, known));
  return std::nullopt;
}

}  // namespace dalsegno::engine
