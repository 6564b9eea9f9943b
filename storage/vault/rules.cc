#include "storage/vault/rules.h"

#include "dalsegno/json.h"
#include "storage/event/digest.h"
#include "storage/vault/ascii.h"
#include "storage/vault/rules_data.h"

#include <re2/re2.h>

#include <cstdio>
#include <cstdlib>

namespace dalsegno::vault {
namespace {

/// Part of the rules' version; raised when the code finds something else with the same data.
constexpr std::string_view code_version = "1";

[[noreturn]] void wrong(std::string const& what) {
  std::fprintf(
      stderr, "dalsegno: the redaction rules in this program are damaged: %s\n", what.c_str());
  std::abort();
}

Json parsed(std::string_view name, std::string_view text) {
  auto json = parse_json(text);
  if (!json) wrong(std::string(name) + ": " + json.error().detail);
  return std::move(*json);
}

std::vector<std::string> strings(Json const* list) {
  std::vector<std::string> out;
  if (list == nullptr) return out;
  for (auto const& item : *list->as_array()) out.push_back(*item.as_string());
  return out;
}

Words words(Json const& of, std::string_view name) {
  auto const list = strings(of.find(name));
  return {list.begin(), list.end()};
}

bool flag(Json const& of, std::string_view name) {
  auto const* value = of.find(name);
  return value != nullptr && value->as_bool() != nullptr && *value->as_bool();
}

Check check_of(Json const& rule) {
  auto const name = rule.text("check");
  if (name.empty()) return nullptr;
  auto* const check = find_check(name);
  if (check == nullptr) wrong("there is no check " + std::string(name));
  return check;
}

void read_tokens(Rules& rules) {
  auto const json = parsed("tokens.json", tokens_json);
  for (auto const& item : *json.find("rules")->as_array()) {
    TokenRule rule;
    rule.id = item.text("id");
    rule.category = "secret";
    RE2::Options options(RE2::Quiet);
    options.set_case_sensitive(!flag(item, "ignore_case"));
    rule.pattern = std::make_unique<re2::RE2>(std::string(item.text("pattern")), options);
    if (!rule.pattern->ok()) wrong(rule.id + ": " + rule.pattern->error());
    if (auto const* before = item.find("before"))
      rule.before = static_cast<std::size_t>(*before->as_integer());
    rule.before_digits = flag(item, "before_digits");
    rule.loose = flag(item, "loose");
    rule.block = flag(item, "block");
    rule.check = check_of(item);
    rule.needs = flag(item, "needs_context") ? Needs::context : Needs::nothing;
    rule.context = strings(item.find("context"));
    auto const letters =
        flag(item, "ignore_case") ? LiteralSet::Case::ignored : LiteralSet::Case::exact;
    for (auto const& literal : strings(item.find("literals")))
      rules.literals.add(literal, letters, static_cast<std::uint32_t>(rules.tokens.size()));
    if (flag(item, "dots")) rules.dotted.push_back(rules.tokens.size());
    rules.tokens.push_back(std::move(rule));
  }
}

/// '~' is the same separator everywhere, or nowhere.
std::vector<std::string> variants(std::string const& shape) {
  if (shape.find('~') == std::string::npos) return {shape};
  std::vector<std::string> out;
  for (std::string_view const separator : {"", " ", "-"}) {
    std::string variant;
    for (char const c : shape) variant += c == '~' ? separator : std::string_view(&c, 1);
    out.push_back(std::move(variant));
  }
  return out;
}

void index_shape(Rules& rules, ShapeRule rule) {
  rule.first_digit = rule.shape.find('9');
  if (rule.first_digit == std::string::npos) wrong(rule.id + ": a shape needs a digit");
  auto least = rule.first_digit;
  while (least < rule.shape.size() && rule.shape[least] == '9') ++least;
  auto most = least;
  while (most < rule.shape.size() && (rule.shape[most] == '9' || rule.shape[most] == 'X')) ++most;
  auto const index = static_cast<std::uint16_t>(rules.shapes.size());
  for (auto run = least; run <= most; ++run)
    rules.shapes_by_run.at(run - rule.first_digit).add(index, rule, run - rule.first_digit);
  rules.shapes.push_back(std::move(rule));
}

void read_shapes(Rules& rules) {
  auto const json = parsed("numbers.json", numbers_json);
  for (auto const& item : *json.find("rules")->as_array()) {
    for (auto const& given : strings(item.find("shapes"))) {
      for (auto& shape : variants(given)) {
        ShapeRule rule;
        rule.id = item.text("id");
        rule.category = item.text("category");
        rule.shape = std::move(shape);
        rule.loose = flag(item, "loose");
        rule.check = check_of(item);
        auto const needs = item.text("needs");
        rule.needs = needs == "nothing"   ? Needs::nothing
                     : needs == "context" ? Needs::context
                                          : Needs::context_or_bare;
        rule.context = strings(item.find("context"));
        index_shape(rules, std::move(rule));
      }
    }
  }
}

void read_finance(Rules& rules) {
  auto const json = parsed("finance.json", finance_json);
  for (auto const& country : *json.find("iban_lengths")->as_object())
    rules.iban_lengths[country.name] = static_cast<std::size_t>(*country.value.as_integer());
  for (auto const& network : *json.find("card_prefixes")->as_array()) {
    std::vector<std::size_t> lengths;
    for (auto const& length : *network.find("lengths")->as_array())
      lengths.push_back(static_cast<std::size_t>(*length.as_integer()));
    for (auto const& range : strings(network.find("prefixes"))) {
      auto const dash = range.find('-');
      auto const from = range.substr(0, dash);
      auto const to = dash == std::string::npos ? from : range.substr(dash + 1);
      rules.cards.push_back({std::stoi(from), std::stoi(to), from.size(), lengths});
    }
  }
  rules.card_context = strings(json.find("card_context"));
  rules.phone_context = strings(json.find("phone_context"));
  rules.phone_names = strings(json.find("phone_names"));
  rules.other_numbers = strings(json.find("other_numbers"));
}

void read_fields(Rules& rules) {
  auto const json = parsed("fields.json", fields_json);
  auto& fields = rules.fields;
  fields.password = words(json, "password");
  fields.token = words(json, "token");
  fields.refused_last = words(json, "refused_last");
  fields.refused_any = words(json, "refused_any");
  fields.placeholder_values = words(json, "placeholder_values");
  fields.stems_password = strings(json.find("stems_password"));
  fields.stems_token = strings(json.find("stems_token"));
  fields.sensitive_pairs = strings(json.find("sensitive_pairs"));
  fields.placeholders = strings(json.find("placeholders"));
  for (auto const* list : {&fields.password, &fields.token})
    for (auto const& word : *list)
      if (word.size() >= 3) rules.literals.add(word, LiteralSet::Case::ignored, field_tag);
  for (auto const* list : {&fields.stems_password, &fields.stems_token})
    for (auto const& stem : *list) rules.literals.add(stem, LiteralSet::Case::ignored, field_tag);
  rules.literals.add("://", LiteralSet::Case::exact, url_tag);
  for (std::string_view const option : {" -u ", " --user ", " --user="})
    rules.literals.add(option, LiteralSet::Case::exact, user_option_tag);
}

}  // namespace

bool fits_shape(char c, char shape) {
  switch (shape) {
    case '9':
      return is_digit(c);
    case 'A':
      return is_upper(c);
    case 'a':
      return is_letter(c);
    case 'X':
      return is_upper(c) || is_digit(c);
    default:
      return c == shape;
  }
}

void ShapesOfRun::add(std::uint16_t index, ShapeRule const& rule, std::size_t run) {
  auto const place = size_++ % 64;
  if (place == 0) blocks_.emplace_back();
  auto& block = blocks_.back();
  block.index[place] = index;
  auto const next = rule.first_digit + run;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    auto const c = static_cast<char>(byte);
    if (rule.first_digit == 0 || fits_shape(c, rule.shape[rule.first_digit - 1]))
      block.before[byte] |= std::uint64_t{1} << place;
    if (next < rule.shape.size() ? fits_shape(c, rule.shape[next]) : !is_alnum(c))
      block.behind[byte] |= std::uint64_t{1} << place;
  }
}

Rules const& builtin_rules() {
  static Rules const rules = [] {
    Rules made;
    read_tokens(made);
    read_shapes(made);
    read_finance(made);
    read_fields(made);
    made.version =
        storage::to_hex(
            storage::sha256({code_version, tokens_json, numbers_json, finance_json, fields_json}))
            .substr(0, 16);
    return made;
  }();
  return rules;
}

}  // namespace dalsegno::vault
