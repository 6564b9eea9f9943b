#include "engine/policy/describe.h"

#include "engine/policy/time_text.h"

#include <string_view>
#include <utility>
#include <variant>

namespace dalsegno::engine {
namespace {

Json list_of(std::vector<Condition> const& conditions) {
  Json::Array out;
  for (auto const& condition : conditions) out.push_back(as_json(condition));
  return out;
}

Json list_of(Patterns const& patterns) { return Json::Array(patterns.begin(), patterns.end()); }

struct ToJson {
  Json operator()(All const& it) const { return Json().set("all", list_of(it.of)); }
  Json operator()(Any const& it) const { return Json().set("any", list_of(it.of)); }
  Json operator()(Not const& it) const { return Json().set("not", as_json(it.of.front())); }
  Json operator()(AttributeTest const& it) const {
    return Json().set("attribute", info_of(it.attribute).name).set(name_of(it.op), it.literal);
  }
  Json operator()(ArgumentTest const& it) const {
    return Json().set("argument", it.pointer).set(name_of(it.op), it.literal);
  }
  Json operator()(TimeTest const& it) const {
    Json window = Json::Object{};
    if (it.after) window.set("after", to_string(*it.after));
    if (it.before) window.set("before", to_string(*it.before));
    if (it.from) window.set("from", time_of_day_text(*it.from));
    if (it.to) window.set("to", time_of_day_text(*it.to));
    if (it.days.any()) {
      Json::Array days;
      for (std::size_t day = 0; day < day_names.size(); ++day)
        if (it.days[day]) days.emplace_back(day_names[day]);
      window.set("days", std::move(days));
    }
    if (it.zone != "UTC") window.set("zone", it.zone);
    return Json().set("time", std::move(window));
  }
  Json operator()(CounterTest const& it) const {
    Json counter;
    counter.set("per", scope_names[static_cast<std::size_t>(it.per)]);
    if (!it.resource.empty()) counter.set("resource", it.resource);
    if (it.window) counter.set("window", duration_text(*it.window));
    return Json().set("counter", std::move(counter)).set("below", it.below);
  }
};

std::string listed(std::vector<Condition> const& conditions) {
  std::string out;
  for (auto const& condition : conditions) {
    if (!out.empty()) out += "; ";
    out += describe(condition);
  }
  return out;
}

std::string shown(Json const& literal) {
  constexpr std::size_t longest = 200;
  auto out = to_string(literal);
  if (out.size() <= longest) return out;
  auto end = longest;
  while ((static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;
  return out.substr(0, end) + "...";
}

struct ToText {
  std::string operator()(All const& it) const { return "all of (" + listed(it.of) + ")"; }
  std::string operator()(Any const& it) const { return "any of (" + listed(it.of) + ")"; }
  std::string operator()(Not const& it) const { return "not (" + listed(it.of) + ")"; }
  std::string operator()(AttributeTest const& it) const {
    return words("attribute " + std::string(info_of(it.attribute).name), it.op, it.literal);
  }
  std::string operator()(ArgumentTest const& it) const {
    return words("argument " + (it.pointer.empty() ? "\"\"" : it.pointer), it.op, it.literal);
  }
  std::string operator()(TimeTest const& it) const {
    return "time within " + shown(*ToJson{}(it).find("time"));
  }
  std::string operator()(CounterTest const& it) const {
    std::string out = "calls per ";
    out += scope_names[static_cast<std::size_t>(it.per)];
    if (!it.resource.empty()) out += " of " + it.resource;
    if (it.window) out += " in " + duration_text(*it.window);
    return out + " below " + std::to_string(it.below);
  }

 private:
  static std::string words(std::string subject, Operator op, Json const& literal) {
    return std::move(subject) + " " + std::string(name_of(op)) + " " + shown(literal);
  }
};

}  // namespace

Json as_json(Condition const& condition) { return std::visit(ToJson{}, condition.node); }

std::string describe(Condition const& condition) { return std::visit(ToText{}, condition.node); }

Json as_json(Rule const& rule) {
  Json out;
  out.set("id", rule.id).set("effect", effect_names[rule.effect == RuleEffect::permit ? 0 : 1]);
  Json::Array actions;
  for (std::size_t i = 0; i < action_count; ++i)
    if (rule.actions[i]) actions.emplace_back(action_names[i]);
  out.set("actions", std::move(actions));
  if (!rule.resources.empty()) out.set("resources", list_of(rule.resources));
  Json principals;
  if (!rule.principals.kinds.empty()) principals.set("kinds", list_of(rule.principals.kinds));
  if (!rule.principals.ids.empty()) principals.set("ids", list_of(rule.principals.ids));
  if (!rule.principals.tenants.empty()) principals.set("tenants", list_of(rule.principals.tenants));
  if (!rule.principals.roles.empty()) principals.set("roles", list_of(rule.principals.roles));
  if (!principals.is_null()) out.set("principals", std::move(principals));
  if (rule.when) out.set("when", as_json(*rule.when));
  if (!rule.obligations.empty()) {
    Json obligations;
    for (auto const& obligation : rule.obligations)
      obligations.set(name_of(obligation.kind), obligation.parameters);
    out.set("obligations", std::move(obligations));
  }
  if (!rule.reason.empty()) out.set("reason", rule.reason);
  if (!rule.owner.empty()) out.set("owner", rule.owner);
  if (rule.expires) out.set("expires", to_string(*rule.expires));
  return out;
}

}  // namespace dalsegno::engine
