#include "engine/policy/rule_index.h"

#include <algorithm>

namespace dalsegno::engine {

void RuleIndex::add(Rule const& rule, std::uint32_t place) {
  for (std::size_t action = 0; action < action_count; ++action) {
    if (rule.actions[action]) file(actions_[action], rule, place);
  }
}

void RuleIndex::file(OfAction& index, Rule const& rule, std::uint32_t place) {
  auto const under = [place](ByName& names, Names const& keys) {
    for (auto const& key : keys.patterns()) names[key.text()].push_back(place);
  };
  Names const resources(rule.resources);
  Names const ids(rule.principals.ids);
  Names const roles(rule.principals.roles);
  Names const tenants(rule.principals.tenants);
  if (resources.exact()) {
    under(index.resource, resources);
  } else if (ids.exact()) {
    under(index.principal, ids);
  } else if (resources.prefixed()) {
    for (auto const& pattern : resources.patterns()) {
      auto const prefix = pattern.prefix();
      index.resource_prefix[prefix.size()][std::string(prefix)].push_back(place);
    }
  } else if (roles.exact()) {
    under(index.role, roles);
  } else if (tenants.exact()) {
    under(index.tenant, tenants);
  } else {
    index.others.push_back(place);
  }
}

void RuleIndex::find(PolicyRequest const& request, std::size_t action, RulePlaces& out) const {
  auto const& index = actions_[action];
  auto const take = [&out](ByName const& names, std::string_view key) {
    if (names.empty()) return;
    if (auto const found = names.find(key); found != names.end())
      out.insert(out.end(), found->second.begin(), found->second.end());
  };
  out.assign(index.others.begin(), index.others.end());
  auto const sorted = out.size();
  take(index.resource, request.resource);
  for (auto const& [length, names] : index.resource_prefix) {
    if (length > request.resource.size()) break;
    take(names, request.resource.substr(0, length));
  }
  take(index.principal, request.principal.id);
  for (auto const& role : request.principal.roles) take(index.role, role);
  take(index.tenant, request.principal.tenant);
  if (out.size() == sorted) return;
  std::ranges::sort(out);
  auto const repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
}

}  // namespace dalsegno::engine
