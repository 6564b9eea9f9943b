#include "tests/engine/policy/document_gen.h"

#include <chrono>
#include <utility>

namespace dalsegno::engine::test {
namespace {

template <class T>
T one_of(std::vector<T> const& from) {
  return from[*rc::gen::inRange<std::size_t>(0, from.size())];
}
bool coin(int of = 2) { return *rc::gen::inRange(0, of) == 0; }

Patterns some_of(std::vector<std::string> const& from) {
  Patterns out;
  if (coin()) return out;
  for (auto const& text : from)
    if (coin()) out.push_back(text);
  return out;
}

Json scalar() {
  switch (*rc::gen::inRange(0, 10)) {
    case 0:
      return nullptr;
    case 1:
      return coin();
    case 2:
      return 1.5;
    case 3:
      return Json::BigInteger{"123456789012345678901"};
    case 4:
    case 5:
      return *rc::gen::inRange(0, 4);
    default:
      return one_of<std::string>({"", "a", "b", "ab", "10.1.2.3", "::1", "read", "money"});
  }
}

Json list(int least) {
  Json::Array out;
  auto const count = *rc::gen::inRange(least, 4);
  for (int i = 0; i < count; ++i) out.push_back(scalar());
  return out;
}

Json literal_for(Operator op) {
  switch (op) {
    case Operator::in:
    case Operator::subset:
      return list(1);
    case Operator::prefix:
    case Operator::suffix:
      return one_of<std::string>({"a", "b", "10"});
    case Operator::glob:
      return one_of<std::string>({"a*", "?", "*b", "ab"});
    case Operator::regex:
      return one_of<std::string>({"a+", "[ab]*", "10[.].*"});
    case Operator::lt:
    case Operator::le:
    case Operator::gt:
    case Operator::ge:
      return one_of<Json>({1, 2, 1.5, "a", Json::BigInteger{"-99999999999999999999"}});
    case Operator::between:
      return one_of<Json>({Json::Array{0, 2}, Json::Array{1.5, 3}, Json::Array{"a", "b"}});
    case Operator::cidr:
      return one_of<Json>({"10.0.0.0/8", Json::Array{"192.168.0.0/16", "::1"}});
    case Operator::exists:
      return coin();
    default:
      return scalar();
  }
}

Json text_literal_for(Operator op) {
  switch (op) {
    case Operator::in:
      return Json::Array{"a", "read"};
    case Operator::eq:
    case Operator::ne:
    case Operator::contains:
      return one_of<std::string>({"a", "b", "web"});
    case Operator::subset:
      return Json::Array{"web", "desk"};
    case Operator::between:
      return Json::Array{"a", "b"};
    case Operator::lt:
    case Operator::le:
    case Operator::gt:
    case Operator::ge:
      return "a";
    default:
      return literal_for(op);
  }
}

Operator some_operator() {
  return static_cast<Operator>(*rc::gen::inRange<int>(0, operator_names.size()));
}

Condition attribute_test() {
  constexpr int text_operators = 12;  // eq to between
  switch (*rc::gen::inRange(0, 7)) {
    case 0: {
      auto const op = one_of<Operator>({Operator::contains, Operator::subset, Operator::exists});
      return {AttributeTest{
          one_of<AttributeName>({AttributeName::taint, AttributeName::principal_roles}),
          op,
          text_literal_for(op)}};
    }
    case 1:
      return {AttributeTest{AttributeName::attempt, Operator::ge, *rc::gen::inRange(1, 4)}};
    case 2:
      return {AttributeTest{AttributeName::address, Operator::cidr, "10.0.0.0/8"}};
    case 3:
      return {AttributeTest{AttributeName::risk,
                            one_of<Operator>({Operator::eq, Operator::ne}),
                            one_of<std::string>({"read", "money"})}};
    default: {
      auto const op = static_cast<Operator>(*rc::gen::inRange(0, text_operators));
      return {AttributeTest{one_of<AttributeName>({AttributeName::workflow,
                                                   AttributeName::session,
                                                   AttributeName::path,
                                                   AttributeName::host}),
                            op,
                            text_literal_for(op)}};
    }
  }
}

Condition time_test() {
  TimeTest test;
  if (coin()) test.after = Time(std::chrono::hours(*rc::gen::inRange(490'900, 495'000)));
  if (coin()) test.before = Time(std::chrono::hours(*rc::gen::inRange(495'000, 499'600)));
  if (coin()) {
    test.from = std::chrono::minutes(*rc::gen::inRange(0, 700));
    test.to = std::chrono::minutes(*rc::gen::inRange(701, 1'440));
    if (coin()) std::swap(test.from, test.to);
  }
  test.days = static_cast<unsigned long>(*rc::gen::inRange(0, 128));
  if (!test.after && !test.before && !test.from) test.days.set(3);
  test.zone = one_of<std::string>({"UTC", "Europe/Berlin", "America/New_York", "+05:30"});
  return {test};
}

}  // namespace

Condition generate_condition(int depth) {
  auto const children = [&](int least) {
    std::vector<Condition> out;
    auto const count = *rc::gen::inRange(least, 4);
    out.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) out.push_back(generate_condition(depth - 1));
    return out;
  };
  switch (*rc::gen::inRange(depth > 0 ? 0 : 3, 9)) {
    case 0:
      return {All{children(1)}};
    case 1:
      return {Any{children(1)}};
    case 2: {
      Not out;
      out.of.push_back(generate_condition(depth - 1));
      return {std::move(out)};
    }
    case 3:
      return time_test();
    case 4:
      return {CounterTest{coin() ? CounterScope::session : CounterScope::tenant,
                          one_of<std::string>({"", "*", "a"}),
                          coin() ? std::optional(std::chrono::seconds(60)) : std::nullopt,
                          static_cast<std::uint64_t>(*rc::gen::inRange(1, 4))}};
    case 5:
      return attribute_test();
    default: {
      auto const op = some_operator();
      return {ArgumentTest{
          one_of<std::string>({"", "/x", "/y", "/list", "/list/0", "/deep/z", "/a~1b"}),
          op,
          literal_for(op)}};
    }
  }
}

PolicyDocument generate_document() {
  PolicyDocument out;
  if (coin()) out.name = "generated";
  auto const count = *rc::gen::inRange(0, 12);
  for (int i = 0; i < count; ++i) {
    Rule rule;
    rule.id = "rule-" + std::to_string(i);
    rule.effect = coin(3) ? RuleEffect::forbid : RuleEffect::permit;
    rule.actions.set(*action_number(one_of<std::string>({"tool.call", "net.connect"})));
    if (coin()) rule.actions.set(*action_number("tool.call"));
    rule.resources = some_of({"a", "b", "ab", "a*", "?", "*b"});
    if (coin(3)) rule.principals.kinds = some_of({"workflow", "oper*"});
    if (coin(3)) rule.principals.ids = some_of({"clerk", "lead-?", "c*"});
    if (coin(3)) rule.principals.tenants = some_of({"acme", "zeta", "*"});
    if (coin(3)) rule.principals.roles = some_of({"desk", "floor"});
    if (coin()) rule.when = generate_condition(3);
    if (rule.effect == RuleEffect::permit && coin(4))
      rule.obligations.push_back({ObligationKind::log, Json("notice")});
    if (coin()) rule.reason = "because of " + rule.id;
    if (coin(4)) rule.owner = "lead";
    if (coin(4)) rule.expires = Time(std::chrono::hours(*rc::gen::inRange(490'900, 499'600)));
    out.rules.push_back(std::move(rule));
  }
  return out;
}

std::shared_ptr<World> World::generate() {
  auto out = std::make_shared<World>();
  out->kind = one_of<std::string>({"workflow", "operator", ""});
  out->id = one_of<std::string>({"clerk", "lead-1", ""});
  out->tenant = one_of<std::string>({"acme", "zeta", "other"});
  out->action = one_of<std::string>({"tool.call", "tool.call", "net.connect", "model.call", "no"});
  out->resource = one_of<std::string>({"a", "b", "ab", "bab", "c", ""});
  out->session = one_of<std::string>({"a", "ab", "s"});
  out->workflow = one_of<std::string>({"a", "read", "agent"});
  out->roles = some_of({"desk", "floor", "night"});
  out->attempt = static_cast<std::uint32_t>(*rc::gen::inRange(0, 4));
  if (coin()) out->attributes.push_back({"risk", one_of<std::string>({"read", "money"})});
  if (coin()) out->attributes.push_back({"taint", Json::Array{"web"}});
  if (coin()) out->attributes.push_back({"host", one_of<std::string>({"a", "b"})});
  if (coin())
    out->attributes.push_back({"address", one_of<std::string>({"10.1.2.3", "9.9.9.9", "x"})});
  if (!coin(4)) {
    Json arguments = Json::Object{};
    if (coin()) arguments.set("x", scalar());
    if (coin()) arguments.set("y", scalar());
    if (coin()) arguments.set("a/b", scalar());
    if (coin()) arguments.set("list", list(0));
    if (coin()) arguments.set("deep", Json().set("z", scalar()));
    out->arguments = to_string(arguments);
    if (coin(10)) out->arguments = "no JSON";
  }
  out->time = Time(std::chrono::minutes(*rc::gen::inRange(490'900 * 60, 499'600 * 60)));
  for (auto const* const name : {"calls/session/tool.call/a",
                                 "calls/session/tool.call/*",
                                 "calls/tenant/60s/tool.call/a",
                                 "calls/session/tool.call/ab"}) {
    if (!coin(3)) out->counters[name] = static_cast<std::uint64_t>(*rc::gen::inRange(0, 5));
  }
  if (coin()) out->resolved = one_of<std::string>({"a", "b"});
  if (coin()) out->able.set();
  return out;
}

PolicyRequest World::request() const {
  return {.principal = {.kind = kind, .id = id, .tenant = tenant, .roles = roles},
          .action = action,
          .resource = resource,
          .session = session,
          .workflow = workflow,
          .attempt = attempt,
          .attributes = attributes,
          .arguments = arguments ? std::optional<std::string_view>(*arguments) : std::nullopt};
}

}  // namespace dalsegno::engine::test
