// Conditions: all, any, not, and tests of attributes and arguments.

#include "engine/policy/inputs.h"
#include "engine/policy/reading.h"

#include <algorithm>
#include <array>
#include <utility>

namespace dalsegno::engine {
namespace {

constexpr auto attribute_names = [] {
  std::array<std::string_view, attribute_count> out{};
  for (std::size_t i = 0; i < attribute_count; ++i) out[i] = attribute_table[i].name;
  return out;
}();

/// What may stand in a condition of one kind: its own name, and what belongs to it.
constexpr auto fields_beside_operators = [] {
  std::array<std::string_view, operator_names.size() + 1> out{};
  std::ranges::copy(operator_names, out.begin() + 1);
  return out;
}();

class ConditionReader {
 public:
  explicit ConditionReader(Reading& reading) : reading_(reading) {}

  std::optional<Condition> read(Json const& value, std::string const& pointer, std::size_t depth);

 private:
  bool count(std::string const& pointer, std::size_t depth);
  template <class Group>
  std::optional<Condition> read_group(Json const& object,
                                      std::string_view field,
                                      std::string const& pointer,
                                      std::size_t depth);
  std::optional<Condition> read_attribute(Json const& object, std::string const& pointer);
  std::optional<Condition> read_argument(Json const& object, std::string const& pointer);
  /// The one operator of a test, with its literal.
  std::optional<std::pair<Operator, Json const*>> read_operator(Json const& object,
                                                                std::string_view subject,
                                                                std::string const& pointer);
  void only(Json const& object,
            std::string const& pointer,
            std::span<std::string_view const> known) {
    reading_.check_fields(object, pointer, known);
  }

  Reading& reading_;
  std::size_t conditions_ = 0;  // of this rule
};

bool ConditionReader::count(std::string const& pointer, std::size_t depth) {
  ++reading_.size().conditions;
  if (depth > max_condition_depth) {
    reading_.note(pointer,
                  "conditions are nested deeper than " + std::to_string(max_condition_depth));
    return false;
  }
  if (++conditions_ == max_conditions_of_rule + 1) {
    reading_.note(
        pointer,
        "the rule has more than " + std::to_string(max_conditions_of_rule) + " conditions");
  }
  if (reading_.size().conditions == max_conditions + 1) {
    reading_.note(pointer,
                  "the policy has more than " + std::to_string(max_conditions) + " conditions");
  }
  return conditions_ <= max_conditions_of_rule && reading_.size().conditions <= max_conditions;
}

std::optional<Condition> ConditionReader::read(Json const& value,
                                               std::string const& pointer,
                                               std::size_t depth) {
  if (!count(pointer, depth)) return std::nullopt;
  if (value.as_object() == nullptr) {
    reading_.note(pointer, "a condition must be an object, not " + describe_kind(value));
    return std::nullopt;
  }
  std::string_view kind;
  for (auto const field : condition_fields) {
    if (value.find(field) == nullptr) continue;
    if (!kind.empty()) {
      reading_.note(pointer / field + "#key",
                    quoted(field) + " and " + quoted(kind) +
                        " in one condition; put them into a list under \"all\" or \"any\"");
      return std::nullopt;
    }
    kind = field;
  }
  if (kind == "all") return read_group<All>(value, kind, pointer, depth);
  if (kind == "any") return read_group<Any>(value, kind, pointer, depth);
  if (kind == "not") {
    only(value, pointer, std::array{kind});
    auto inner = read(*value.find(kind), pointer / kind, depth + 1);
    if (!inner) return std::nullopt;
    Not out;
    out.of.push_back(std::move(*inner));
    return Condition{std::move(out)};
  }
  if (kind == "attribute") return read_attribute(value, pointer);
  if (kind == "argument") return read_argument(value, pointer);
  if (kind == "time") {
    only(value, pointer, std::array{kind});
    return read_time(reading_, *value.find(kind), pointer / kind);
  }
  if (kind == "counter") return read_counter(reading_, value, pointer);
  auto const& members = *value.as_object();
  if (members.empty()) {
    reading_.note(pointer, "the condition is empty" + suggestion("", condition_fields));
  } else {
    only(value, pointer, condition_fields);
  }
  return std::nullopt;
}

template <class Group>
std::optional<Condition> ConditionReader::read_group(Json const& object,
                                                     std::string_view field,
                                                     std::string const& pointer,
                                                     std::size_t depth) {
  only(object, pointer, std::array{field});
  auto const& value = *object.find(field);
  auto const place = pointer / field;
  if (value.as_array() == nullptr) {
    reading_.note_wrong_kind(place, field, "a list of conditions", value);
    return std::nullopt;
  }
  auto const& list = *value.as_array();
  if (list.empty()) {
    reading_.note(place, quoted(field) + " is empty");
    return std::nullopt;
  }
  Group out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (conditions_ > max_conditions_of_rule) return std::nullopt;
    if (auto inner = read(list[i], place / i, depth + 1)) out.of.push_back(std::move(*inner));
  }
  if (out.of.size() != list.size()) return std::nullopt;
  return Condition{std::move(out)};
}

std::optional<std::pair<Operator, Json const*>> ConditionReader::read_operator(
    Json const& object, std::string_view subject, std::string const& pointer) {
  auto known = fields_beside_operators;
  known.front() = subject;
  only(object, pointer, known);
  std::optional<Operator> op;
  for (std::size_t i = 0; i < operator_names.size(); ++i) {
    if (object.find(operator_names[i]) == nullptr) continue;
    if (op) {
      reading_.note(pointer / operator_names[i] + "#key",
                    quoted(operator_names[i]) + " beside " + quoted(name_of(*op)) +
                        ": a test has one operator; put two tests into a list under \"all\"");
      return std::nullopt;
    }
    op = static_cast<Operator>(i);
  }
  if (!op) {
    if (object.as_object()->size() == 1)
      reading_.note(pointer, "the test has no operator" + suggestion("", operator_names));
    return std::nullopt;
  }
  auto const name = name_of(*op);
  auto const& literal = *object.find(name);
  if (!check_literal(reading_, *op, literal, pointer / name)) return std::nullopt;
  return std::pair(*op, &literal);
}

bool takes(AttributeType type, Operator op) {
  switch (op) {
    case Operator::exists:
      return true;
    case Operator::eq:
    case Operator::ne:
    case Operator::in:
      return type != AttributeType::texts;
    case Operator::prefix:
    case Operator::suffix:
    case Operator::glob:
    case Operator::regex:
      return type == AttributeType::text;
    case Operator::lt:
    case Operator::le:
    case Operator::gt:
    case Operator::ge:
    case Operator::between:
      return type == AttributeType::text || type == AttributeType::number;
    case Operator::cidr:
      return type == AttributeType::address;
    case Operator::subset:
    case Operator::contains:
      return type == AttributeType::texts;
  }
  return false;
}

std::string_view name_of(AttributeType type) {
  switch (type) {
    case AttributeType::text:
      return "a string";
    case AttributeType::number:
      return "a number";
    case AttributeType::texts:
      return "a list of strings";
    case AttributeType::address:
      return "an IP address";
  }
  return "";
}

std::optional<Condition> ConditionReader::read_attribute(Json const& object,
                                                         std::string const& pointer) {
  auto const* const name = reading_.string(object, pointer, "attribute");
  auto const number =
      name == nullptr ? std::nullopt
                      : reading_.word(*name, pointer / "attribute", "attribute", attribute_names);
  auto const test = read_operator(object, "attribute", pointer);
  if (!number || !test) return std::nullopt;
  auto const [op, literal] = *test;
  auto const& info = attribute_table[*number];
  auto const attribute = static_cast<AttributeName>(*number);
  if (!takes(info.type, op)) {
    reading_.note(pointer / name_of(op) + "#key",
                  quoted(info.name) + " is " + std::string(name_of(info.type)) + ": " +
                      quoted(name_of(op)) + " does not apply to it");
    return std::nullopt;
  }
  bool fine = true;
  auto const check = [&](Json const& value, std::string const& place) {
    bool const fits =
        info.type == AttributeType::number ? value.is_number() : value.as_string() != nullptr;
    if (!fits) {
      fine = false;
      reading_.note(place,
                    quoted(info.name) + " is " + std::string(name_of(info.type)) +
                        " and never equals " + describe_kind(value));
    } else if (attribute == AttributeName::risk &&
               (op == Operator::eq || op == Operator::ne || op == Operator::in)) {
      fine = reading_.word(*value.as_string(), place, "risk", risk_names).has_value() && fine;
    }
  };
  auto const place = pointer / name_of(op);
  if (op == Operator::exists) return Condition{AttributeTest{attribute, op, *literal}};
  if (auto const* const list = literal->as_array()) {
    for (std::size_t i = 0; i < list->size(); ++i) check((*list)[i], place / i);
  } else {
    check(*literal, place);
  }
  if (!fine) return std::nullopt;
  return Condition{AttributeTest{attribute, op, *literal}};
}

std::optional<Condition> ConditionReader::read_argument(Json const& object,
                                                        std::string const& pointer) {
  auto const* const path = reading_.string(object, pointer, "argument");
  bool fine = path != nullptr;
  if (fine && (!is_json_pointer(*path) || path->size() > max_pointer_bytes)) {
    reading_.note(pointer / "argument",
                  quoted(*path) + " is no JSON pointer of at most " +
                      std::to_string(max_pointer_bytes) +
                      " bytes: write \"/amount\", \"/items/0/price\"");
    fine = false;
  }
  auto const test = read_operator(object, "argument", pointer);
  if (!fine || !test) return std::nullopt;
  return Condition{ArgumentTest{*path, test->first, *test->second}};
}

}  // namespace

std::optional<Condition> read_condition(Reading& reading,
                                        Json const& value,
                                        std::string const& pointer) {
  return ConditionReader(reading).read(value, pointer, 1);
}

}  // namespace dalsegno::engine
