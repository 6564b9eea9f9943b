#include "engine/policy/document.h"

#include "dalsegno/json.h"
#include "engine/policy/glob.h"
#include "engine/policy/problems.h"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <utility>

namespace dalsegno::engine {
namespace {

constexpr std::size_t max_document_bytes = 4U << 20U;
constexpr std::size_t max_id_bytes = 64;
constexpr std::size_t max_pattern_bytes = 256;
constexpr std::size_t max_text_bytes = 1'000;

constexpr std::array<std::string_view, 3> document_fields = {"dalsegno_policy", "name", "rules"};
constexpr std::array<std::string_view, 12> rule_fields = {"id",
                                                          "effect",
                                                          "actions",
                                                          "tenants",
                                                          "workflows",
                                                          "principals",
                                                          "sessions",
                                                          "models",
                                                          "tools",
                                                          "activities",
                                                          "reason",
                                                          "owner"};
constexpr std::array<std::string_view, 2> effect_names = {"permit", "forbid"};

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_rule_id(std::string_view text) {
  return !text.empty() && text.size() <= max_id_bytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

/// Appends a step to a JSON pointer (RFC 6901).
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

/// Goes through one document and notes every mistake; what it returns is of use only if there was
/// none.
class Reader {
 public:
  explicit Reader(LocatedJson const& document) : document_(document) {}

  PolicyDocument read();
  [[nodiscard]] Problems const& problems() const { return problems_; }

 private:
  void note(std::string_view pointer, std::string what) {
    problems_.note(document_.place(pointer), std::move(what));
  }
  void note_wrong_kind(std::string_view pointer,
                       std::string_view field,
                       std::string_view wanted,
                       Json const& found) {
    note(pointer, quoted(field) + " must be " + std::string(wanted) + ", not " + describe(found));
  }
  static std::string describe(Json const& value) {
    auto const kind = value.kind();
    if (kind == "null") return "null";
    return (kind == "array" || kind == "object" ? "an " : "a ") + std::string(kind);
  }

  void check_fields(Json const& object,
                    std::string_view pointer,
                    std::span<std::string_view const> known);
  /// Whether the document is of version 1; else the rest of it cannot be judged.
  bool check_version(Json const& root);
  std::string read_text(Json const& object, std::string_view pointer, std::string_view field);
  Rule read_rule(Json const& value, std::string const& pointer);
  std::string read_id(Json const& rule, std::string const& pointer);
  RuleEffect read_effect(Json const& rule, std::string const& pointer);
  Patterns read_patterns(Json const& rule, std::string const& pointer, std::string_view field);
  std::bitset<action_count> read_actions(Json const& rule, std::string const& pointer);
  void restrict_to_resources(Rule& rule, Json const& value, std::string const& pointer);

  LocatedJson const& document_;
  Problems problems_;
  std::unordered_map<std::string, std::string> ids_;  // rule id → pointer of where it first stands
};

PolicyDocument Reader::read() {
  PolicyDocument out;
  auto const& root = document_.value;
  if (root.as_object() == nullptr) {
    note("", "a policy document must be an object, not " + describe(root));
    return out;
  }
  if (!check_version(root)) return out;
  check_fields(root, "", document_fields);
  out.name = read_text(root, "", "name");
  auto const* const rules = root.find("rules");
  if (rules == nullptr) {
    note("", "\"rules\" is missing");
  } else if (rules->as_array() == nullptr) {
    note_wrong_kind("/rules", "rules", "a list of rules", *rules);
  } else {
    for (std::size_t i = 0; i < rules->as_array()->size(); ++i) {
      out.rules.push_back(read_rule((*rules->as_array())[i], std::string_view("/rules") / i));
    }
  }
  return out;
}

bool Reader::check_version(Json const& root) {
  auto const* const version = root.find("dalsegno_policy");
  if (version == nullptr) {
    note("", "\"dalsegno_policy\" is missing: a policy document begins {\"dalsegno_policy\": 1");
    return true;
  }
  auto const* const number = version->as_integer();
  auto const* const big = version->as_big_integer();
  if (number != nullptr && *number == 1) return true;
  if ((number != nullptr && *number > 1) || (big != nullptr && !big->digits.starts_with('-'))) {
    note("/dalsegno_policy",
         "the document is in policy format " +
             (number != nullptr ? std::to_string(*number) : "2^53 or beyond") +
             ", a newer version than this program reads (1)");
    return false;
  }
  note("/dalsegno_policy", "\"dalsegno_policy\" must be 1, the version of the format");
  return true;
}

void Reader::check_fields(Json const& object,
                          std::string_view pointer,
                          std::span<std::string_view const> known) {
  for (auto const& member : *object.as_object()) {
    if (std::ranges::find(known, member.name) != known.end()) continue;
    note(pointer / member.name + "#key",
         "unknown field " + quoted(member.name) + suggestion(member.name, known));
  }
}

std::string Reader::read_text(Json const& object,
                              std::string_view pointer,
                              std::string_view field) {
  auto const* const value = object.find(field);
  if (value == nullptr) return {};
  auto const* const text = value->as_string();
  if (text == nullptr) {
    note_wrong_kind(pointer / field, field, "a string", *value);
    return {};
  }
  if (text->size() > max_text_bytes) {
    note(pointer / field,
         quoted(field) + " is " + std::to_string(text->size()) + " bytes long; at most " +
             std::to_string(max_text_bytes) + " are allowed");
  }
  return *text;
}

Rule Reader::read_rule(Json const& value, std::string const& pointer) {
  Rule rule;
  if (value.as_object() == nullptr) {
    note(pointer, "a rule must be an object, not " + describe(value));
    return rule;
  }
  check_fields(value, pointer, rule_fields);
  rule.id = read_id(value, pointer);
  rule.effect = read_effect(value, pointer);
  rule.actions = read_actions(value, pointer);
  rule.tenants = read_patterns(value, pointer, "tenants");
  rule.workflows = read_patterns(value, pointer, "workflows");
  rule.principals = read_patterns(value, pointer, "principals");
  rule.sessions = read_patterns(value, pointer, "sessions");
  for (std::size_t i = 0; i < action_count; ++i) {
    rule.resources[i] = read_patterns(value, pointer, resource_fields[i]);
  }
  restrict_to_resources(rule, value, pointer);
  rule.reason = read_text(value, pointer, "reason");
  rule.owner = read_text(value, pointer, "owner");
  return rule;
}

std::string Reader::read_id(Json const& rule, std::string const& pointer) {
  auto const* const value = rule.find("id");
  if (value == nullptr) {
    note(pointer, "the rule has no \"id\"");
    return {};
  }
  auto const place = pointer / "id";
  auto const* const id = value->as_string();
  if (id == nullptr) {
    note_wrong_kind(place, "id", "a string", *value);
    return {};
  }
  if (!is_rule_id(*id)) {
    note(place,
         "rule id " + quoted(*id) + " must be 1 to 64 characters of a-z, 0-9, '_', '.' and '-'");
    return {};
  }
  if (auto const [first, fresh] = ids_.emplace(*id, place); !fresh) {
    note(place,
         "rule id " + quoted(*id) + " is taken: it stands in line " +
             std::to_string(document_.place(first->second).line) + " already");
  }
  return *id;
}

RuleEffect Reader::read_effect(Json const& rule, std::string const& pointer) {
  auto const* const value = rule.find("effect");
  if (value == nullptr) {
    note(pointer, "the rule has no \"effect\": permit or forbid");
    return RuleEffect::forbid;
  }
  auto const* const effect = value->as_string();
  if (effect == nullptr) {
    note_wrong_kind(pointer / "effect", "effect", "\"permit\" or \"forbid\"", *value);
  } else if (*effect == "permit") {
    return RuleEffect::permit;
  } else if (*effect != "forbid") {
    note(pointer / "effect",
         "unknown effect " + quoted(*effect) + suggestion(*effect, effect_names));
  }
  return RuleEffect::forbid;
}

Patterns Reader::read_patterns(Json const& rule,
                               std::string const& pointer,
                               std::string_view field) {
  Patterns out;
  auto const* const value = rule.find(field);
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
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto const place = list_place / i;
    auto const* const pattern = (*list)[i].as_string();
    if (pattern == nullptr) {
      note(place,
           "an entry of " + quoted(field) + " must be a string, not " + describe((*list)[i]));
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

std::bitset<action_count> Reader::read_actions(Json const& rule, std::string const& pointer) {
  std::bitset<action_count> out;
  if (rule.find("actions") == nullptr) {
    note(pointer, "the rule has no \"actions\"");
    return out;
  }
  read_patterns(rule, pointer, "actions");  // notes what is wrong with any list
  auto const* const list = rule.find("actions")->as_array();
  for (std::size_t entry = 0; list != nullptr && entry < list->size(); ++entry) {
    auto const pattern = (*list)[entry].as_string() != nullptr ? *(*list)[entry].as_string() : "";
    if (pattern.empty()) continue;
    std::bitset<action_count> matching;
    for (std::size_t i = 0; i < action_count; ++i)
      matching[i] = glob_matches(pattern, action_names[i]);
    out |= matching;
    if (matching.any()) continue;
    note(pointer / "actions" / entry,
         (is_glob(pattern) ? "no action matches " : "unknown action ") + quoted(pattern) +
             suggestion(pattern, action_names));
  }
  return out;
}

// A rule that names tools is about tool calls. If it lists other actions as well, these need their
// resources named too.
void Reader::restrict_to_resources(Rule& rule, Json const& value, std::string const& pointer) {
  std::bitset<action_count> named;
  for (std::size_t i = 0; i < action_count; ++i) {
    if (value.find(resource_fields[i]) == nullptr) continue;
    named.set(i);
    if (rule.actions.any() && !rule.actions[i]) {
      note(pointer / resource_fields[i] + "#key",
           quoted(resource_fields[i]) + " restricts " + std::string(action_names[i]) +
               ", which is not among the rule's actions");
    }
  }
  if (named.any()) rule.actions &= named;
}

}  // namespace

Result<PolicyDocument> read_policy_document(std::string_view text, std::string_view file) {
  Problems problems;
  if (text.size() > max_document_bytes) {
    problems.note(JsonPlace{},
                  "the document is " + std::to_string(text.size()) + " bytes long; at most " +
                      std::to_string(max_document_bytes) + " are allowed");
    return problems.error(file);
  }
  auto const document = parse_located_json(text);
  if (!document) {
    auto [place, what] = placed(document.error());
    problems.note(place, std::move(what));
    return problems.error(file);
  }
  Reader reader(*document);
  auto out = reader.read();
  if (!reader.problems().empty()) return reader.problems().error(file);
  out.canonical = canonical(document->value);
  return out;
}

}  // namespace dalsegno::engine
