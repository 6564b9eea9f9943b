// What may stand beside an operator.

#include "engine/policy/address.h"
#include "engine/policy/literal_test.h"
#include "engine/policy/operand.h"
#include "engine/policy/reading.h"

namespace dalsegno::engine {
namespace {

bool is_scalar(Json const& value) {
  return value.as_array() == nullptr && value.as_object() == nullptr;
}

class LiteralReader {
 public:
  LiteralReader(Reading& reading, Operator op) : reading_(reading), op_(op) {}

  bool check(Json const& literal, std::string const& pointer) {
    switch (op_) {
      case Operator::exists:
        return must(literal.as_bool() != nullptr, literal, pointer, "true or false");
      case Operator::eq:
      case Operator::ne:
      case Operator::contains:
        return must(
                   is_scalar(literal), literal, pointer, "a string, a number, a boolean or null") &&
               short_enough(literal, pointer);
      case Operator::in:
      case Operator::subset:
        return check_list(literal, pointer);
      case Operator::prefix:
      case Operator::suffix:
        return check_text(literal, pointer, max_literal_bytes);
      case Operator::glob:
        return check_text(literal, pointer, max_pattern_bytes);
      case Operator::regex:
        return check_regex(literal, pointer);
      case Operator::lt:
      case Operator::le:
      case Operator::gt:
      case Operator::ge:
        return must(has_order(literal), literal, pointer, "a number or a string") &&
               short_enough(literal, pointer);
      case Operator::between:
        return check_between(literal, pointer);
      case Operator::cidr:
        return check_networks(literal, pointer);
    }
    return false;
  }

 private:
  bool must(bool fine, Json const& found, std::string const& pointer, std::string_view wanted) {
    if (!fine) reading_.note_wrong_kind(pointer, name_of(op_), wanted, found);
    return fine;
  }
  static bool has_order(Json const& literal) {
    return literal.is_number() || literal.as_string() != nullptr;
  }
  bool short_enough(Json const& literal,
                    std::string const& pointer,
                    std::size_t most = max_literal_bytes) {
    auto const* const text = literal.as_string();
    if (text == nullptr || text->size() <= most) return true;
    reading_.note(pointer,
                  quoted(name_of(op_)) + " is " + std::to_string(text->size()) +
                      " bytes long; at most " + std::to_string(most) + " are allowed");
    return false;
  }
  bool check_text(Json const& literal, std::string const& pointer, std::size_t most) {
    if (!must(literal.as_string() != nullptr, literal, pointer, "a string")) return false;
    if (literal.as_string()->empty()) {
      reading_.note(pointer, quoted(name_of(op_)) + " is empty");
      return false;
    }
    return short_enough(literal, pointer, most);
  }
  bool check_regex(Json const& literal, std::string const& pointer) {
    if (!check_text(literal, pointer, max_regex_bytes)) return false;
    if (++reading_.size().regexes > max_regexes) {
      if (reading_.size().regexes == max_regexes + 1) {
        reading_.note(
            pointer,
            "the policy has more than " + std::to_string(max_regexes) + " regular expressions");
      }
      return false;
    }
    auto const problem = problem_of_regex(*literal.as_string());
    if (!problem.empty()) reading_.note(pointer, "the regular expression is refused: " + problem);
    return problem.empty();
  }
  bool check_list(Json const& literal, std::string const& pointer) {
    auto const* const list = literal.as_array();
    if (!must(list != nullptr, literal, pointer, "a list")) return false;
    if (list->empty() || list->size() > max_list_entries) {
      reading_.note(pointer,
                    quoted(name_of(op_)) + " has " + std::to_string(list->size()) +
                        " entries; it must have 1 to " + std::to_string(max_list_entries));
      return false;
    }
    bool fine = true;
    for (std::size_t i = 0; i < list->size(); ++i) {
      auto const& entry = (*list)[i];
      if (!is_scalar(entry)) {
        reading_.note(pointer / i,
                      "an entry of " + quoted(name_of(op_)) +
                          " must be a string, a number, a boolean or null, not " +
                          describe_kind(entry));
        fine = false;
      } else {
        fine = short_enough(entry, pointer / i) && fine;
      }
    }
    return fine;
  }
  bool check_between(Json const& literal, std::string const& pointer) {
    auto const* const list = literal.as_array();
    bool const shaped =
        list != nullptr && list->size() == 2 && has_order(list->front()) && has_order(list->back());
    auto const order =
        shaped ? Operand::compare(Operand(list->front()), Operand(list->back())) : std::nullopt;
    if (!order) {
      reading_.note(pointer, "\"between\" must be a list of two numbers or of two strings");
      return false;
    }
    if (*order > 0) {
      reading_.note(pointer, "\"between\" is empty: its first bound is above its second");
      return false;
    }
    return short_enough(list->front(), pointer) && short_enough(list->back(), pointer);
  }
  bool check_networks(Json const& literal, std::string const& pointer) {
    auto const check = [&](Json const& entry, std::string const& place) {
      if (entry.as_string() != nullptr && parse_network(*entry.as_string())) return true;
      reading_.note(place,
                    (entry.as_string() == nullptr ? to_string(entry) : quoted(*entry.as_string())) +
                        " is no network: write \"10.0.0.0/8\" or \"2001:db8::/32\", with zeros "
                        "behind the prefix");
      return false;
    };
    if (literal.as_array() == nullptr) return check(literal, pointer);
    if (!check_list(literal, pointer)) return false;
    bool fine = true;
    for (std::size_t i = 0; i < literal.as_array()->size(); ++i)
      fine = check((*literal.as_array())[i], pointer / i) && fine;
    return fine;
  }

  Reading& reading_;
  Operator op_;
};

}  // namespace

bool check_literal(Reading& reading, Operator op, Json const& literal, std::string const& pointer) {
  return LiteralReader(reading, op).check(literal, pointer);
}

}  // namespace dalsegno::engine
