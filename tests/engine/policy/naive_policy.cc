#include "tests/engine/policy/naive_policy.h"

#include "engine/policy/glob.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <regex>
#include <string>
#include <variant>

namespace dalsegno::engine::test {
namespace {

using Answer = std::optional<bool>;  // nullopt: it cannot be evaluated

/// Numbers of the small world: all but one are exact as long double.
std::optional<long double> number(Json const& value) {
  if (auto const* const big = value.as_big_integer()) return std::stold(big->digits);
  if (auto const real = value.as_double()) return *real;
  return std::nullopt;
}

bool same(Json const& a, Json const& b) {
  if (number(a) || number(b)) return number(a) && number(b) && *number(a) == *number(b);
  if (a.as_array() != nullptr || a.as_object() != nullptr) return false;
  return a == b;
}

/// -1, 0, 1; nullopt when there is no order.
std::optional<int> order(Json const& a, Json const& b) {
  if (number(a) && number(b)) return *number(a) < *number(b) ? -1 : *number(a) > *number(b) ? 1 : 0;
  if (a.as_string() == nullptr || b.as_string() == nullptr) return std::nullopt;
  return *a.as_string() < *b.as_string() ? -1 : *a.as_string() > *b.as_string() ? 1 : 0;
}

/// Of the networks that the generator knows.
Answer in_network(std::string const& address, Json const& literal) {
  static std::regex const dotted(R"((\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3})");
  std::smatch parts;
  bool const v4 = std::regex_match(address, parts, dotted);
  if (!v4 && address != "::1") return std::nullopt;
  if (literal.as_string() != nullptr) return v4 && parts[1] == "10";
  return address == "::1" || (v4 && parts[1] == "192" && parts[2] == "168");
}

Answer holds(Operator op, std::optional<Json> const& value, Json const& literal) {
  if (op == Operator::exists) return value.has_value() == *literal.as_bool();
  if (!value) return std::nullopt;
  auto const is_in = [](Json const& what, Json::Array const& list) {
    return std::ranges::any_of(list, [&](Json const& entry) { return same(what, entry); });
  };
  auto const* const text = value->as_string();
  auto const compared = [&](auto claim) -> Answer {
    auto const found = order(*value, literal);
    if (!found) return std::nullopt;
    return claim(*found);
  };
  switch (op) {
    case Operator::eq:
      return same(*value, literal);
    case Operator::ne:
      return !same(*value, literal);
    case Operator::in:
      return is_in(*value, *literal.as_array());
    case Operator::prefix:
      if (text == nullptr) return std::nullopt;
      return text->starts_with(*literal.as_string());
    case Operator::suffix:
      if (text == nullptr) return std::nullopt;
      return text->ends_with(*literal.as_string());
    case Operator::glob:
      if (text == nullptr) return std::nullopt;
      return glob_matches(*literal.as_string(), *text);
    case Operator::regex:
      if (text == nullptr) return std::nullopt;
      return std::regex_match(*text, std::regex(*literal.as_string()));
    case Operator::lt:
      return compared([](int o) { return o < 0; });
    case Operator::le:
      return compared([](int o) { return o <= 0; });
    case Operator::gt:
      return compared([](int o) { return o > 0; });
    case Operator::ge:
      return compared([](int o) { return o >= 0; });
    case Operator::between: {
      auto const low = order(*value, literal.as_array()->front());
      auto const high = order(*value, literal.as_array()->back());
      if (!low || !high) return std::nullopt;
      return *low >= 0 && *high <= 0;
    }
    case Operator::cidr:
      if (text == nullptr) return std::nullopt;
      return in_network(*text, literal);
    case Operator::subset:
      if (value->as_array() == nullptr) return std::nullopt;
      return std::ranges::all_of(*value->as_array(), [&](Json const& element) {
        return is_in(element, *literal.as_array());
      });
    case Operator::contains:
      if (value->as_array() == nullptr) return std::nullopt;
      return is_in(literal, *value->as_array());
    case Operator::exists:
      break;
  }
  return std::nullopt;
}

std::optional<Json> attribute(World const& world, AttributeName name) {
  switch (name) {
    case AttributeName::principal_roles:
      return Json(Json::Array(world.roles.begin(), world.roles.end()));
    case AttributeName::workflow:
      return Json(world.workflow);
    case AttributeName::session:
      return Json(world.session);
    case AttributeName::attempt:
      if (world.attempt == 0) return std::nullopt;
      return Json(std::uint64_t{world.attempt});
    default:
      break;
  }
  for (auto const& given : world.attributes)
    if (given.name == info_of(name).name) return given.value;
  return world.attribute(info_of(name).name);
}

Answer argument(World const& world, ArgumentTest const& test) {
  if (!world.arguments) return std::nullopt;
  auto const parsed = parse_json(*world.arguments);
  if (!parsed) return std::nullopt;
  Json const* at = &*parsed;
  if (test.pointer == "/list/0") {
    at = at->find("list");
    at = at == nullptr || at->as_array()->empty() ? nullptr : at->as_array()->data();
  } else if (test.pointer == "/deep/z") {
    at = at->find("deep");
    if (at != nullptr) at = at->find("z");
  } else if (!test.pointer.empty()) {
    at = at->find(test.pointer == "/a~1b" ? "a/b" : std::string_view(test.pointer).substr(1));
  }
  return holds(test.op, at == nullptr ? std::nullopt : std::optional(*at), test.literal);
}

/// Of the zones that the generator knows, in the years that it knows (2025, 2026).
int offset_minutes(std::string const& zone, std::time_t utc) {
  auto const sunday = [](int month, int from_day, int hour) {
    std::tm first{};
    first.tm_year = 2026 - 1900;
    first.tm_mon = month - 1;
    first.tm_mday = from_day;
    first.tm_hour = hour;
    auto time = timegm(&first);
    std::tm found{};
    gmtime_r(&time, &found);
    return time + (7 - found.tm_wday) % 7 * 86'400;
  };
  if (zone == "Europe/Berlin") return utc >= sunday(3, 25, 1) && utc < sunday(10, 25, 1) ? 120 : 60;
  if (zone == "America/New_York")
    return utc >= sunday(3, 8, 7) && utc < sunday(11, 1, 6) ? -240 : -300;
  return zone == "UTC" ? 0 : 330;
}

bool in_window(TimeTest const& test, Time now) {
  if (test.after && now < *test.after) return false;
  if (test.before && now >= *test.before) return false;
  auto const utc = static_cast<std::time_t>(
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  auto const local = utc + offset_minutes(test.zone, utc) * 60;
  std::tm parts{};
  gmtime_r(&local, &parts);
  if (test.days.any() && !test.days[static_cast<std::size_t>((parts.tm_wday + 6) % 7)])
    return false;
  if (!test.from) return true;
  auto const minute = std::chrono::minutes(parts.tm_hour * 60 + parts.tm_min);
  bool const wraps = *test.from > *test.to;
  return wraps ? minute >= *test.from || minute < *test.to
               : minute >= *test.from && minute < *test.to;
}

Answer judge(Condition const& condition, World const& world) {
  if (auto const* const all = std::get_if<All>(&condition.node)) {
    for (auto const& child : all->of) {
      auto const answer = judge(child, world);
      if (!answer || !*answer) return answer;
    }
    return true;
  }
  if (auto const* const any = std::get_if<Any>(&condition.node)) {
    for (auto const& child : any->of) {
      auto const answer = judge(child, world);
      if (!answer || *answer) return answer;
    }
    return false;
  }
  if (auto const* const negation = std::get_if<Not>(&condition.node)) {
    auto const answer = judge(negation->of.front(), world);
    return answer ? Answer(!*answer) : std::nullopt;
  }
  if (auto const* const test = std::get_if<AttributeTest>(&condition.node))
    return holds(test->op, attribute(world, test->attribute), test->literal);
  if (auto const* const test = std::get_if<ArgumentTest>(&condition.node))
    return argument(world, *test);
  if (auto const* const test = std::get_if<TimeTest>(&condition.node))
    return in_window(*test, world.time);
  auto const& test = std::get<CounterTest>(condition.node);
  auto const count = world.counter({test.per,
                                    world.action,
                                    test.resource.empty() ? world.resource : test.resource,
                                    test.window});
  if (!count) return std::nullopt;
  return *count < test.below;
}

bool one_matches(Patterns const& patterns, std::string_view name) {
  return patterns.empty() || std::ranges::any_of(patterns, [&](auto const& pattern) {
           return glob_matches(pattern, name);
         });
}

bool about(Rule const& rule, World const& world) {
  auto const action = action_number(world.action);
  auto const& principals = rule.principals;
  return action && rule.actions[*action] && one_matches(rule.resources, world.resource) &&
         one_matches(principals.kinds, world.kind) && one_matches(principals.ids, world.id) &&
         one_matches(principals.tenants, world.tenant) &&
         (principals.roles.empty() ||
          std::ranges::any_of(
              world.roles,
              [&](std::string const& role) { return one_matches(principals.roles, role); })) &&
         (!rule.expires || world.time < *rule.expires);
}

}  // namespace

Decision naive_decide(std::vector<Rule> const& rules, World const& world) {
  Decision out;
  std::vector<Rule const*> permits;
  std::vector<Rule const*> forbids;
  for (auto const& rule : rules) {
    if (!about(rule, world)) continue;
    auto const answer = rule.when ? judge(*rule.when, world) : Answer(true);
    if (!answer) out.errors.push_back({rule.id, ""});
    if (rule.effect == RuleEffect::forbid && (!answer || *answer)) forbids.push_back(&rule);
    if (rule.effect == RuleEffect::permit && answer && *answer) permits.push_back(&rule);
  }
  auto const& determining = forbids.empty() ? permits : forbids;
  for (auto const* const rule : determining) out.rules.push_back(rule->id);
  out.permitted =
      forbids.empty() && !permits.empty() && std::ranges::all_of(permits, [&](Rule const* rule) {
        return std::ranges::all_of(rule->obligations, [&](Obligation const& it) {
          return world.able[static_cast<std::size_t>(it.kind)];
        });
      });
  return out;
}

}  // namespace dalsegno::engine::test
