// Redactor::json: a walk over the value, with the name of the nearest member as context.

#include "storage/vault/ascii.h"
#include "storage/vault/redactor.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

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

  void walk(Json& value) { walk(value, {}, 0); }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::vector<Replacement> take() { return std::move(replaced_); }

 private:
  /// The nearest member above a value.
  struct Name {
    std::string_view text;
    FieldClass field = FieldClass::none;
  };
  /// A part of the way to a value: a member's name, or a place in an array.
  using PathPart = std::variant<std::string_view, std::size_t>;

  // NOLINTNEXTLINE(misc-no-recursion): bounded by max_json_depth
  void walk(Json& value, Name name, std::size_t depth) {
    if (failed_) return;
    if (depth > max_json_depth) {
      failed_ = true;
    } else if (auto* const text = value.as_string()) {
      redact(*text, name);
    } else if (auto* const array = value.as_array()) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        path_.emplace_back(i);
        walk((*array)[i], name, depth + 1);
        path_.pop_back();
      }
    } else if (auto* const object = value.as_object()) {
      members(*object, depth);
    } else if (value.is_number()) {
      number(value, name);
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): bounded by max_json_depth
  void members(Json::Object& object, std::size_t depth) {
    bool all_clean = true;
    for (auto& member : object) {
      auto const facts = facts_of(member.name);
      all_clean = all_clean && facts.clean;
      path_.emplace_back(member.name);
      // A token in a name must not be read as one ("secret", "email").
      walk(member.value,
           facts.token ? Name{unnamed, FieldClass::none} : Name{member.name, facts.field},
           depth + 1);
      path_.pop_back();
    }
    if (!all_clean) names(object);
  }

  /// What is remembered of a name, else what there is to say of it.
  NameFacts facts_of(std::string_view name) {
    bytes_ += name.size();
    if (bytes_ > redactor_.options_.max_bytes) {
      failed_ = true;
      return {};
    }
    if (auto const seen = redactor_.names_.find(name)) return *seen;
    auto const generation = redactor_.names_.generation();
    NameFacts facts;
    facts.token = !find_tokens(name).empty();
    facts.field = class_of_field(redactor_.rules_.fields, name);
    facts.clean = is_token(name) || redactor_.find(name, unnamed).findings.empty();
    redactor_.names_.add(name, facts, generation);
    return facts;
  }

  void names(Json::Object& object) {
    for (std::size_t i = 0; i < object.size(); ++i) {
      auto name = object[i].name;
      path_.emplace_back(object[i].name);
      redact(name, {unnamed, FieldClass::none}, "#key");
      path_.pop_back();
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

  void redact(std::string& text, Name name, std::string_view suffix = {}) {
    bytes_ += text.size();
    if (bytes_ > redactor_.options_.max_bytes) {
      failed_ = true;
      return;
    }
    if (is_token(text) || redactor_.clean_.holds(name.text, text)) return;
    auto const generation = redactor_.clean_.generation();
    auto const kind = kind_by_field(redactor_.rules_, name.field, name.text, text);
    if (!kind.empty() && replace_whole(text, text, kind, suffix)) return;
    auto result = redactor_.text(text, name.text);
    failed_ = failed_ || result.failed;
    for (auto& part : result.replaced) {
      part.pointer = pointer(suffix);
      replaced_.push_back(std::move(part));
    }
    failed_ = failed_ || replaced_.size() > redactor_.options_.max_findings;
    text = std::move(result.value);
    if (!result.failed) redactor_.clean_.add(name.text, text, generation);
  }

  void number(Json& value, Name name) {
    auto const digits = digits_of_number(value);
    if (digits.empty()) return;
    std::string replaced;
    auto const kind = kind_by_field(redactor_.rules_, name.field, name.text, digits);
    if (!kind.empty()) {
      if (replace_whole(replaced, digits, kind, {})) value = Json(std::move(replaced));
      return;
    }
    if (digits.size() < 7) return;
    auto const found = redactor_.find(digits, name.text.empty() ? unnamed : name.text).findings;
    if (found.size() != 1 || found[0].begin != 0 || found[0].end != digits.size()) return;
    auto part = redactor_.replacement(found[0], digits);
    part.pointer = pointer({});
    value = Json(part.token);
    replaced_.push_back(std::move(part));
  }

  /// The RFC 6901 pointer of the present value, with what says that its name is meant.
  [[nodiscard]] std::string pointer(std::string_view suffix) const {
    std::string out;
    for (auto const& part : path_) {
      out.push_back('/');
      if (auto const* const place = std::get_if<std::size_t>(&part)) {
        out += std::to_string(*place);
      } else {
        out += escaped(std::get<std::string_view>(part));
      }
    }
    return out += suffix;
  }

  /// False when the whole category is spared.
  bool replace_whole(std::string& out,
                     std::string const& from,
                     std::string_view kind,
                     std::string_view suffix) {
    if (redactor_.options_.spared.contains("secret")) return false;
    auto part =
        redactor_.replacement({0, from.size(), std::string(kind), "secret", Evidence::field}, from);
    part.pointer = pointer(suffix);
    out = part.token;
    replaced_.push_back(std::move(part));
    return true;
  }

  Redactor const& redactor_;
  std::vector<PathPart> path_;
  std::vector<Replacement> replaced_;
  std::size_t bytes_ = 0;
  bool failed_ = false;
};

Redacted<Json> Redactor::json(Json value, std::string_view whole) const {
  JsonRedaction redaction(*this);
  redaction.walk(value);
  if (redaction.failed()) return {Json(commitment(whole)), {}, true};
  return {std::move(value), redaction.take(), false};
}

Redacted<Json> Redactor::json(Json const& value) const { return json(value, canonical(value)); }

}  // namespace dalsegno::vault
