#include "engine/policy/predicate.h"

#include "engine/policy/describe.h"
#include "engine/policy/literal_test.h"
#include "engine/policy/zone.h"

#include <cassert>
#include <type_traits>
#include <utility>
#include <variant>

namespace dalsegno::engine {
namespace {

struct Group {
  bool all = true;  // else any
};
struct Negation {};
struct OfAttribute {
  AttributeName name;
  LiteralTest test;
};
struct OfArgument {
  JsonPointer pointer;
  LiteralTest test;
};
struct OfTime {
  TimeTest test;
  Zone zone;
};

bool in_day(TimeTest const& test, std::chrono::minutes of_day) {
  if (!test.from) return true;
  auto const from = *test.from;
  auto const to = *test.to;
  if (from <= to) return of_day >= from && of_day < to;
  return of_day >= from || of_day < to;
}

bool holds(OfTime const& it, Time now) {
  auto const& test = it.test;
  if (test.after && now < *test.after) return false;
  if (test.before && now >= *test.before) return false;
  if (!test.from && test.days.none()) return true;
  auto const local = local_time(now, it.zone);
  auto const day = std::chrono::floor<std::chrono::days>(local);
  auto const weekday = std::chrono::weekday(std::chrono::sys_days(day.time_since_epoch()));
  if (test.days.any() && !test.days[weekday.iso_encoding() - 1]) return false;
  return in_day(test, std::chrono::floor<std::chrono::minutes>(local - day));
}

}  // namespace

struct Predicate::Node {
  explicit Node(Condition const& condition);

  [[nodiscard]] Truth judge(Inputs& inputs, std::string& why, std::vector<TestTrace>* trace) const;
  [[nodiscard]] Truth judge_group(Inputs& inputs,
                                  std::string& why,
                                  std::vector<TestTrace>* trace) const;
  [[nodiscard]] Truth judge_test(Inputs& inputs, std::string& why, std::string* value) const;
  [[nodiscard]] Truth judge_test(OfAttribute const& it,
                                 Inputs& inputs,
                                 std::string& why,
                                 std::string* value) const;
  [[nodiscard]] Truth judge_test(OfArgument const& it,
                                 Inputs& inputs,
                                 std::string& why,
                                 std::string* value) const;
  [[nodiscard]] static Truth judge_test(CounterTest const& it,
                                        Inputs& inputs,
                                        std::string& why,
                                        std::string* value);

  Condition source;  // for what is said of it; without children
  std::vector<Node> children;
  std::variant<Group, Negation, OfAttribute, OfArgument, OfTime, CounterTest> kind;
};

Predicate::Node::Node(Condition const& condition) {
  auto const adopt = [this](std::vector<Condition> const& of) {
    for (auto const& child : of) children.emplace_back(child);
  };
  std::visit(
      [&](auto const& it) {
        using T = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<T, All> || std::is_same_v<T, Any>) {
          kind = Group{std::is_same_v<T, All>};
          adopt(it.of);
        } else if constexpr (std::is_same_v<T, Not>) {
          kind = Negation{};
          adopt(it.of);
        } else {
          source = condition;
          if constexpr (std::is_same_v<T, AttributeTest>) {
            kind = OfAttribute{it.attribute, LiteralTest(it.op, it.literal)};
          } else if constexpr (std::is_same_v<T, ArgumentTest>) {
            kind = OfArgument{JsonPointer(it.pointer), LiteralTest(it.op, it.literal)};
          } else if constexpr (std::is_same_v<T, TimeTest>) {
            auto const zone = find_zone(it.zone);
            assert(zone);
            kind = OfTime{it, *zone};
          } else {
            kind = it;
          }
        }
      },
      condition.node);
}

Truth Predicate::Node::judge(Inputs& inputs,
                             std::string& why,
                             std::vector<TestTrace>* trace) const {
  if (std::holds_alternative<Group>(kind)) return judge_group(inputs, why, trace);
  if (std::holds_alternative<Negation>(kind)) {
    auto const truth = children.front().judge(inputs, why, trace);
    if (truth == Truth::failed) return truth;
    return truth_of(truth == Truth::no);
  }
  std::string value;
  auto const truth = judge_test(inputs, why, trace == nullptr ? nullptr : &value);
  if (truth == Truth::failed) why.insert(0, describe(source) + ": ");
  if (trace != nullptr) trace->push_back({describe(source), std::move(value), truth});
  return truth;
}

Truth Predicate::Node::judge_group(Inputs& inputs,
                                   std::string& why,
                                   std::vector<TestTrace>* trace) const {
  bool const all = std::get<Group>(kind).all;
  auto const settles = truth_of(!all);
  for (auto const& child : children) {
    auto const truth = child.judge(inputs, why, trace);
    if (truth == settles || truth == Truth::failed) return truth;
  }
  return truth_of(all);
}

Truth Predicate::Node::judge_test(Inputs& inputs, std::string& why, std::string* value) const {
  if (auto const* const attribute = std::get_if<OfAttribute>(&kind))
    return judge_test(*attribute, inputs, why, value);
  if (auto const* const argument = std::get_if<OfArgument>(&kind))
    return judge_test(*argument, inputs, why, value);
  if (auto const* const time = std::get_if<OfTime>(&kind)) {
    if (value != nullptr) *value = to_string(inputs.now());
    return truth_of(holds(*time, inputs.now()));
  }
  return judge_test(std::get<CounterTest>(kind), inputs, why, value);
}

Truth Predicate::Node::judge_test(OfAttribute const& it,
                                  Inputs& inputs,
                                  std::string& why,
                                  std::string* value) const {
  auto const found = inputs.attribute(it.name);
  if (value != nullptr) *value = found.to_text();
  return it.test.holds(found, why);
}

Truth Predicate::Node::judge_test(OfArgument const& it,
                                  Inputs& inputs,
                                  std::string& why,
                                  std::string* value) const {
  auto const* const arguments = inputs.arguments(why);
  if (arguments == nullptr) return Truth::failed;
  auto const* const found = it.pointer.find(*arguments);
  auto const operand = found == nullptr ? Operand() : Operand(*found);
  if (value != nullptr) *value = operand.to_text();
  return it.test.holds(operand, why);
}

Truth Predicate::Node::judge_test(CounterTest const& it,
                                  Inputs& inputs,
                                  std::string& why,
                                  std::string* value) {
  auto const& request = inputs.request();
  CounterKey const key{it.per,
                       request.action,
                       it.resource.empty() ? request.resource : std::string_view(it.resource),
                       it.window};
  auto const count = inputs.counter(key);
  if (value != nullptr) *value = count ? std::to_string(*count) : "unknown";
  if (!count) {
    why = "nobody counts " + name_of(key) + " here";
    return Truth::failed;
  }
  return truth_of(*count < it.below);
}

Predicate::Predicate(Condition const& condition) : root_(std::make_unique<Node>(condition)) {}
Predicate::Predicate(Predicate&&) noexcept = default;
Predicate& Predicate::operator=(Predicate&&) noexcept = default;
Predicate::~Predicate() = default;

Truth Predicate::judge(Inputs& inputs, std::string& why, std::vector<TestTrace>* trace) const {
  why.clear();
  return root_->judge(inputs, why, trace);
}

}  // namespace dalsegno::engine
