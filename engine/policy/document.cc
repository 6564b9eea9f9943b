#include "engine/policy/document.h"

#include "dalsegno/json.h"
#include "engine/policy/describe.h"
#include "engine/policy/glob.h"
#include "engine/policy/grammar.h"
#include "engine/policy/reading.h"
#include "engine/policy/time_text.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace dalsegno::engine {
namespace {

/// Where the ids of a set stand first.
using KnownIds = std::unordered_map<std::string, std::string>;

bool is_rule_id(std::string_view text) {
  return !text.empty() && text.size() <= max_id_bytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

/// Goes through one document and notes every mistake; what it returns is of use only if there was
/// none.
class DocumentReader {
 public:
  DocumentReader(Reading& reading, KnownIds& ids, std::string_view file)
      : reading_(reading), ids_(ids), file_(file) {}

  PolicyDocument read();

 private:
  /// Whether the document is of version 1; else the rest of it cannot be judged.
  bool check_version(Json const& root);
  Rule read_rule(Json const& value, std::string const& pointer);
  std::string read_id(Json const& rule, std::string const& pointer);
  RuleEffect read_effect(Json const& rule, std::string const& pointer);
  std::bitset<action_count> read_actions(Json const& rule, std::string const& pointer);
  PrincipalMatch read_principals(Json const& rule, std::string const& pointer);
  std::optional<Time> read_expires(Json const& rule, std::string const& pointer);

  Reading& reading_;
  KnownIds& ids_;
  std::string_view file_;
};

PolicyDocument DocumentReader::read() {
  PolicyDocument out;
  auto const& root = reading_.root();
  if (root.as_object() == nullptr) {
    reading_.note("", "a policy document must be an object, not " + describe_kind(root));
    return out;
  }
  if (!check_version(root)) return out;
  reading_.check_fields(root, "", document_fields);
  out.name = reading_.text(root, "", "name");
  auto const* const rules = root.find("rules");
  if (rules == nullptr) {
    reading_.note("", "\"rules\" is missing");
  } else if (rules->as_array() == nullptr) {
    reading_.note_wrong_kind("/rules", "rules", "a list of rules", *rules);
  } else {
    for (std::size_t i = 0; i < rules->as_array()->size(); ++i) {
      auto const pointer = std::string_view("/rules") / i;
      if (++reading_.size().rules > max_rules) {
        reading_.note(pointer, "the policy has more than " + std::to_string(max_rules) + " rules");
        break;
      }
      out.rules.push_back(read_rule((*rules->as_array())[i], pointer));
      out.places.push_back({0, reading_.place(pointer)});
    }
  }
  return out;
}

bool DocumentReader::check_version(Json const& root) {
  auto const* const version = root.find("dalsegno_policy");
  if (version == nullptr) {
    reading_.note(
        "", "\"dalsegno_policy\" is missing: a policy document begins {\"dalsegno_policy\": 1");
    return true;
  }
  auto const* const number = version->as_integer();
  auto const* const big = version->as_big_integer();
  if (number != nullptr && *number == 1) return true;
  if ((number != nullptr && *number > 1) || (big != nullptr && !big->digits.starts_with('-'))) {
    reading_.note("/dalsegno_policy",
                  "the document is in policy format " +
                      (number != nullptr ? std::to_string(*number) : "2^53 or beyond") +
                      ", a newer version than this program reads (1)");
    return false;
  }
  reading_.note("/dalsegno_policy", "\"dalsegno_policy\" must be 1, the version of the format");
  return true;
}

Rule DocumentReader::read_rule(Json const& value, std::string const& pointer) {
  Rule rule;
  if (value.as_object() == nullptr) {
    reading_.note(pointer, "a rule must be an object, not " + describe_kind(value));
    return rule;
  }
  reading_.check_fields(value, pointer, rule_fields);
  rule.id = read_id(value, pointer);
  rule.effect = read_effect(value, pointer);
  rule.actions = read_actions(value, pointer);
  rule.resources = reading_.patterns(value, pointer, "resources");
  rule.principals = read_principals(value, pointer);
  if (auto const* const when = value.find("when"))
    rule.when = read_condition(reading_, *when, pointer / "when");
  if (auto const* const obligations = value.find("obligations")) {
    rule.obligations = read_obligations(reading_, *obligations, pointer / "obligations");
    if (rule.effect == RuleEffect::forbid && value.text("effect") == "forbid")
      reading_.note(pointer / "obligations" + "#key",
                    "a rule that forbids has no obligations: nobody would act on it");
  }
  rule.reason = reading_.text(value, pointer, "reason");
  rule.owner = reading_.text(value, pointer, "owner");
  rule.expires = read_expires(value, pointer);
  return rule;
}

std::string DocumentReader::read_id(Json const& rule, std::string const& pointer) {
  if (rule.find("id") == nullptr) {
    reading_.note(pointer, "the rule has no \"id\"");
    return {};
  }
  auto const place = pointer / "id";
  auto const* const id = reading_.string(rule, pointer, "id");
  if (id == nullptr) return {};
  if (!is_rule_id(*id)) {
    reading_.note(
        place,
        "rule id " + quoted(*id) + " must be 1 to 64 characters of a-z, 0-9, '_', '.' and '-'");
    return {};
  }
  auto const here = std::string(file_) + " in line " + std::to_string(reading_.place(place).line);
  if (auto const [first, fresh] = ids_.emplace(*id, here); !fresh)
    reading_.note(
        place, "rule id " + quoted(*id) + " is taken: it stands in " + first->second + " already");
  return *id;
}

RuleEffect DocumentReader::read_effect(Json const& rule, std::string const& pointer) {
  auto const* const value = rule.find("effect");
  if (value == nullptr) {
    reading_.note(pointer, "the rule has no \"effect\": permit or forbid");
    return RuleEffect::forbid;
  }
  auto const* const effect = value->as_string();
  if (effect == nullptr) {
    reading_.note_wrong_kind(pointer / "effect", "effect", "\"permit\" or \"forbid\"", *value);
    return RuleEffect::forbid;
  }
  auto const place = reading_.word(*effect, pointer / "effect", "effect", effect_names);
  return place == 0U ? RuleEffect::permit : RuleEffect::forbid;
}

std::bitset<action_count> DocumentReader::read_actions(Json const& rule,
                                                       std::string const& pointer) {
  std::bitset<action_count> out;
  if (rule.find("actions") == nullptr) {
    reading_.note(pointer, "the rule has no \"actions\"");
    return out;
  }
  static_cast<void>(
      reading_.patterns(rule, pointer, "actions"));  // notes what is wrong with any list
  auto const* const list = rule.find("actions")->as_array();
  for (std::size_t entry = 0; list != nullptr && entry < list->size(); ++entry) {
    auto const* const pattern = (*list)[entry].as_string();
    if (pattern == nullptr || pattern->empty()) continue;
    std::bitset<action_count> matching;
    for (std::size_t i = 0; i < action_count; ++i)
      matching[i] = glob_matches(*pattern, action_names[i]);
    out |= matching;
    if (matching.any()) continue;
    reading_.note(pointer / "actions" / entry,
                  (is_glob(*pattern) ? "no action matches " : "unknown action ") +
                      quoted(*pattern) + suggestion(*pattern, action_names));
  }
  return out;
}

PrincipalMatch DocumentReader::read_principals(Json const& rule, std::string const& pointer) {
  PrincipalMatch out;
  auto const* const value = rule.find("principals");
  if (value == nullptr) return out;
  auto const place = pointer / "principals";
  if (value->as_object() == nullptr) {
    reading_.note_wrong_kind(place, "principals", "an object", *value);
    return out;
  }
  if (value->as_object()->empty())
    reading_.note(place, "\"principals\" is empty; leave it out to match any");
  reading_.check_fields(*value, place, principal_fields);
  out.kinds = reading_.patterns(*value, place, "kinds");
  out.ids = reading_.patterns(*value, place, "ids");
  out.tenants = reading_.patterns(*value, place, "tenants");
  out.roles = reading_.patterns(*value, place, "roles");
  return out;
}

std::optional<Time> DocumentReader::read_expires(Json const& rule, std::string const& pointer) {
  auto const* const text = reading_.string(rule, pointer, "expires");
  if (text == nullptr) return std::nullopt;
  auto const expires = parse_instant(*text);
  if (!expires)
    reading_.note(
        pointer / "expires",
        "\"expires\" must be a time as RFC 3339 (\"2026-11-23T00:00:00Z\"), not " + quoted(*text));
  return expires;
}

/// One document of a set, and its JSON; or what is wrong with it.
Result<std::pair<PolicyDocument, Json>> read_one(PolicySource const& source,
                                                 KnownIds& ids,
                                                 SetSize& size) {
  Problems problems;
  if (source.text.size() > max_document_bytes) {
    problems.note(JsonPlace{},
                  "the document is " + std::to_string(source.text.size()) +
                      " bytes long; at most " + std::to_string(max_document_bytes) +
                      " are allowed");
    return problems.error(source.file);
  }
  auto document = parse_located_json(source.text);
  if (!document) {
    auto [place, what] = placed(document.error());
    problems.note(place, std::move(what));
    return problems.error(source.file);
  }
  Reading reading(*document, size);
  auto out = DocumentReader(reading, ids, source.file).read();
  if (!reading.problems().empty()) return reading.problems().error(source.file);
  return std::pair(std::move(out), std::move(document->value));
}

Json head_of(std::string const& name) {
  Json out;
  out.set("dalsegno_policy", 1);
  if (!name.empty()) out.set("name", name);
  return out;
}

}  // namespace

Result<PolicyDocument> read_policy_document(std::string_view text, std::string_view file) {
  PolicySource const source{text, file};
  return read_policy_documents({&source, 1});
}

Result<PolicyDocument> read_policy_documents(std::span<PolicySource const> sources) {
  KnownIds ids;
  SetSize size;
  PolicyDocument out;
  Json::Array rules;
  Json single;
  std::string mistakes;
  for (std::size_t file = 0; file < sources.size(); ++file) {
    auto read = read_one(sources[file], ids, size);
    if (!read) {
      mistakes.append(mistakes.empty() ? "" : "\n").append(read.error().detail);
      continue;
    }
    auto& [document, json] = *read;
    for (std::size_t i = 0; i < document.rules.size(); ++i) {
      out.rules.push_back(std::move(document.rules[i]));
      out.places.push_back({file, document.places[i].place});
    }
    if (!document.name.empty()) out.name += (out.name.empty() ? "" : " + ") + document.name;
    if (sources.size() == 1) {
      single = std::move(json);
    } else {
      for (auto const& rule : *json.find("rules")->as_array()) rules.push_back(rule);
    }
  }
  if (!mistakes.empty()) return Error{Errc::invalid, std::move(mistakes)};
  if (out.name.size() > max_text_bytes) {
    out.name.resize(max_text_bytes);
    while (!out.name.empty() && (static_cast<unsigned char>(out.name.back()) & 0xC0U) == 0x80U)
      out.name.pop_back();
    if (!out.name.empty()) out.name.pop_back();
  }
  if (sources.size() != 1) single = head_of(out.name).set("rules", std::move(rules));
  out.canonical = canonical(single);
  return out;
}

Json as_json(PolicyDocument const& document) {
  auto out = head_of(document.name);
  Json::Array rules;
  for (auto const& rule : document.rules) rules.push_back(as_json(rule));
  return out.set("rules", std::move(rules));
}

}  // namespace dalsegno::engine
