// Redactor::json: a walk over the value, with the name of the nearest member as context.

#include "storage/vault/ascii.h"
#include "storage/vault/redactor.h"

#include <algorithm>
#include <string>
#include <utility>

namespace dalsegno::vault {
namespace {

/// No name: a number alone is no reason, so it must not count as the whole text.
constexpr std::string_view unnamed = "-";

bool is_token(std::string_view text) {
  auto const places = find_tokens(text);
  return places.size() == 1 && places[0].begin == 0 && places[0].end == text.size();
}

std::string escaped(std::string_view name) {
  std::string out;
  for (char const c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string digits_of_number(Json const& value) {
  if (auto const* integer = value.as_integer()) return std::to_string(*integer);
  if (auto const* big = value.as_big_integer()) return big->digits;
  return {};
}

}  // namespace

class JsonRedaction {
 public:
  explicit JsonRedaction(Redactor const& redactor) : redactor_(redactor) {}

  void walk(Json& value, std::string const& pointer, std::string_view name, std::size_t depth) {
    if (failed_) return;
    if (depth > max_json_depth) {
      failed_ = true;
    } else if (auto* const text = value.as_string()) {
      redact(*text, pointer, name);
    } else if (auto* const array = value.as_array()) {
      for (std::size_t i = 0; i < array->size(); ++i)
        walk((*array)[i], pointer + '/' + std::to_string(i), name, depth + 1);
    } else if (auto* const object = value.as_object()) {
      members(*object, pointer, depth);
    } else if (value.is_number()) {
      number(value, pointer, name);
    }
  }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::vector<Replacement> take() { return std::move(replaced_); }

 private:
  void members(Json::Object& object, std::string const& pointer, std::size_t depth) {
    for (auto& member : object) {
      auto const place = pointer + '/' + escaped(member.name);
      // A token in a name must not be read as one ("secret", "email").
      auto const name = find_tokens(member.name).empty() ? std::string_view(member.name) : unnamed;
      walk(member.value, place, name, depth + 1);
    }
    for (std::size_t i = 0; i < object.size(); ++i) {
      auto name = object[i].name;
      redact(name, pointer + '/' + escaped(name) + "#key", unnamed);
      if (name == object[i].name) continue;
      // Two names may meet in one token only if one of them was that token before.
      auto const taken = [&](std::string const& wanted) {
        return std::ranges::any_of(object, [&](Json::Member const& other) {
          return &other != &object[i] && other.name == wanted;
        });
      };
      auto unique = name;
      for (int n = 2; taken(unique); ++n) unique = name + '#' + std::to_string(n);
      object[i].name = std::move(unique);
    }
  }

  void redact(std::string& text, std::string const& pointer, std::string_view name) {
    bytes_ += text.size();
    if (bytes_ > redactor_.options_.max_bytes) {
      failed_ = true;
      return;
    }
    if (is_token(text) || redactor_.clean_.holds(name, text)) return;
    auto const generation = redactor_.clean_.generation();
    if (auto const kind = kind_by_field(redactor_.rules_, name, text); !kind.empty()) {
      if (replace_whole(text, text, kind, pointer)) return;
    }
    auto result = redactor_.text(text, name);
    failed_ = failed_ || result.failed;
    for (auto& part : result.replaced) {
      part.pointer = pointer;
      replaced_.push_back(std::move(part));
    }
    failed_ = failed_ || replaced_.size() > redactor_.options_.max_findings;
    text = std::move(result.value);
    if (!result.failed) redactor_.clean_.add(name, text, generation);
  }

  void number(Json& value, std::string const& pointer, std::string_view name) {
    auto const digits = digits_of_number(value);
    if (digits.empty()) return;
    std::string replaced;
    auto const kind = kind_by_field(redactor_.rules_, name, digits);
    if (!kind.empty()) {
      if (replace_whole(replaced, digits, kind, pointer)) value = Json(std::move(replaced));
      return;
    }
    if (digits.size() < 7) return;
    auto const found = redactor_.find(digits, name.empty() ? unnamed : name).findings;
    if (found.size() != 1 || found[0].begin != 0 || found[0].end != digits.size()) return;
    auto part = redactor_.replacement(found[0], digits);
    part.pointer = pointer;
    value = Json(part.token);
    replaced_.push_back(std::move(part));
  }

  /// False when the whole category is spared.
  bool replace_whole(std::string& out,
                     std::string const& from,
                     std::string_view kind,
                     std::string const& pointer) {
    if (redactor_.options_.spared.contains("secret")) return false;
    auto part =
        redactor_.replacement({0, from.size(), std::string(kind), "secret", Evidence::field}, from);
    part.pointer = pointer;
    out = part.token;
    replaced_.push_back(std::move(part));
    return true;
  }

  Redactor const& redactor_;
  std::vector<Replacement> replaced_;
  std::size_t bytes_ = 0;
  bool failed_ = false;
};

Redacted<Json> Redactor::json(Json const& value) const {
  JsonRedaction redaction(*this);
  Json result = value;
  redaction.walk(result, "", "", 0);
  if (redaction.failed()) return {Json(tokens_.token("unredacted", canonical(value))), {}, true};
  return {std::move(result), redaction.take(), false};
}

}  // namespace dalsegno::vault
