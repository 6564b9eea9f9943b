#include "engine/policy/literal_test.h"

#include "engine/policy/address.h"
#include "engine/policy/glob.h"

#include <re2/re2.h>

#include <algorithm>
#include <cassert>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dalsegno::engine {
namespace {

RE2::Options regex_options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(max_regex_memory);
  return options;
}

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

/// The members of a list: texts hashed, others one after the other.
class Members {
 public:
  void add(Json const& value) {
    if (auto const* const text = value.as_string()) {
      texts_.insert(*text);
    } else {
      others_.push_back(value);
    }
  }
  [[nodiscard]] bool contain(Operand const& value) const {
    if (auto const* const text = value.text()) return texts_.contains(*text);
    return std::ranges::any_of(
        others_, [&](Json const& other) { return Operand::equal(value, Operand(other)); });
  }

 private:
  std::unordered_set<std::string, Hash, std::equal_to<>> texts_;
  std::vector<Json> others_;
};

/// A literal that may stand alone or in a list.
template <class Take>
void each(Json const& literal, Take take) {
  if (auto const* const list = literal.as_array()) {
    for (auto const& entry : *list) take(entry);
  } else {
    take(literal);
  }
}

}  // namespace

struct LiteralTest::Compiled {
  Operator op;
  Json literal;
  std::string_view text;  // the literal, when it is one
  Members members;
  std::vector<Network> networks;
  std::optional<RE2> regex;

  [[nodiscard]] Truth of_text(Operand const& value, std::string& why) const;
  [[nodiscard]] Truth of_order(Operand const& value, std::string& why) const;
  [[nodiscard]] Truth of_list(Operand const& value, std::string& why) const;
};

LiteralTest::LiteralTest(Operator op, Json literal) {
  auto compiled = std::make_unique<Compiled>();
  compiled->op = op;
  compiled->literal = std::move(literal);
  if (auto const* const text = compiled->literal.as_string()) compiled->text = *text;
  if (op == Operator::in || op == Operator::subset)
    each(compiled->literal, [&](Json const& entry) { compiled->members.add(entry); });
  if (op == Operator::cidr) {
    each(compiled->literal, [&](Json const& entry) {
      auto const network = parse_network(*entry.as_string());
      assert(network);
      compiled->networks.push_back(*network);
    });
  }
  if (op == Operator::regex) compiled->regex.emplace(compiled->text, regex_options());
  compiled_ = std::move(compiled);
}

LiteralTest::LiteralTest(LiteralTest&&) noexcept = default;
LiteralTest& LiteralTest::operator=(LiteralTest&&) noexcept = default;
LiteralTest::~LiteralTest() = default;

Truth LiteralTest::Compiled::of_text(Operand const& value, std::string& why) const {
  auto const* const found = value.text();
  if (found == nullptr) {
    why = "the value is no string but " + std::string(value.kind());
    return Truth::failed;
  }
  if (op == Operator::prefix) return truth_of(found->starts_with(text));
  if (op == Operator::suffix) return truth_of(found->ends_with(text));
  if (op == Operator::cidr) {
    auto const address = parse_address(*found);
    if (!address) {
      why = "the value is no IP address";
      return Truth::failed;
    }
    return truth_of(std::ranges::any_of(
        networks, [&](Network const& network) { return network.contains(*address); }));
  }
  if (found->size() > max_matched_bytes) {
    why = "the value has " + std::to_string(found->size()) + " bytes; patterns are matched with " +
          std::to_string(max_matched_bytes) + " at most";
    return Truth::failed;
  }
  if (op == Operator::glob) return truth_of(glob_matches(text, *found));
  return truth_of(RE2::FullMatch(*found, *regex));
}

Truth LiteralTest::Compiled::of_order(Operand const& value, std::string& why) const {
  auto const against = [&](Json const& bound) {
    auto const order = Operand::compare(value, Operand(bound));
    if (!order) {
      why = "the value is " + std::string(value.kind()) + " and has no order with " +
            Operand(bound).to_text();
    }
    return order;
  };
  if (op == Operator::between) {
    auto const& bounds = *literal.as_array();
    auto const low = against(bounds[0]);
    auto const high = low ? against(bounds[1]) : std::nullopt;
    if (!high) return Truth::failed;
    return truth_of(*low >= 0 && *high <= 0);
  }
  auto const order = against(literal);
  if (!order) return Truth::failed;
  switch (op) {
    case Operator::lt:
      return truth_of(*order < 0);
    case Operator::le:
      return truth_of(*order <= 0);
    case Operator::gt:
      return truth_of(*order > 0);
    default:
      return truth_of(*order >= 0);
  }
}

Truth LiteralTest::Compiled::of_list(Operand const& value, std::string& why) const {
  if (!value.is_list()) {
    why = "the value is no list but " + std::string(value.kind());
    return Truth::failed;
  }
  bool const all = op == Operator::subset;  // else one is enough
  bool settled = false;
  value.for_each([&](Operand const& element) {
    bool const hit = all ? members.contain(element) : Operand::equal(element, Operand(literal));
    settled = hit != all;
    return !settled;
  });
  return truth_of(settled != all);
}

Truth LiteralTest::holds(Operand const& value, std::string& why) const {
  auto const& it = *compiled_;
  if (it.op == Operator::exists) return truth_of(value.absent() != *it.literal.as_bool());
  if (value.absent()) {
    why = "there is no such value";
    return Truth::failed;
  }
  switch (it.op) {
    case Operator::eq:
      return truth_of(Operand::equal(value, Operand(it.literal)));
    case Operator::ne:
      return truth_of(!Operand::equal(value, Operand(it.literal)));
    case Operator::in:
      return truth_of(it.members.contain(value));
    case Operator::prefix:
    case Operator::suffix:
    case Operator::glob:
    case Operator::regex:
    case Operator::cidr:
      return it.of_text(value, why);
    case Operator::subset:
    case Operator::contains:
      return it.of_list(value, why);
    default:
      return it.of_order(value, why);
  }
}

std::string problem_of_regex(std::string const& pattern) {
  RE2 const regex(pattern, regex_options());
  return regex.ok() ? std::string() : regex.error();
}

}  // namespace dalsegno::engine
