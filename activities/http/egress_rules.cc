#include "activities/http/egress_rules.h"

#include "activities/http/address_class.h"
#include "activities/http/egress_document.h"
#include "activities/http/host_name.h"
#include "dalsegno/try.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

namespace dalsegno::http {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

/// Numbers of rules, by a text.
using RulesByText =
    std::unordered_map<std::string, std::vector<std::size_t>, TextHash, std::equal_to<>>;

void append_from(std::vector<std::size_t>& out, RulesByText const& rules, std::string_view text) {
  if (auto const found = rules.find(text); found != rules.end())
    out.insert(out.end(), found->second.begin(), found->second.end());
}

bool allows_scheme(EgressRule const& rule, Scheme scheme) {
  return scheme == Scheme::http ? rule.http : rule.https;
}

bool allows_port(EgressRule const& rule, DialPlan const& plan) {
  if (rule.ports.empty()) return plan.port() == default_port(plan.scheme());
  return std::ranges::any_of(rule.ports, [&](PortRange const& range) {
    return range.first <= plan.port() && plan.port() <= range.last;
  });
}

/// The addresses that a rule permits for this plan, whose host it names.
void add_addresses(AddressPredicate& out, EgressRule const& rule, DialPlan const& plan) {
  if (plan.literal() && std::ranges::any_of(rule.hosts, [&](HostPattern const& host) {
        return host.address == plan.literal();
      })) {
    out.add({*plan.literal(), plan.literal()->bits()});
  } else if (rule.addresses.empty()) {
    out.add_global();
  }
  for (auto const& network : rule.addresses) out.add(network);
}

}  // namespace

void AddressPredicate::add(AddressPredicate const& other) {
  global_ = global_ || other.global_;
  named_.insert(named_.end(), other.named_.begin(), other.named_.end());
}

bool AddressPredicate::names(Address const& address) const {
  bool const is_metadata = classify(address) == AddressClass::metadata;
  return std::ranges::any_of(named_, [&](Network const& network) {
    return network.contains(address) && (!is_metadata || network.prefix == address.bits());
  });
}

bool AddressPredicate::permits(Address const& address) const {
  if (global_ && classify(address) == AddressClass::global) return true;
  if (!names(address)) return false;
  auto const inner = embedded_ipv4(address);
  return !inner || classify(*inner) == AddressClass::global || names(*inner);
}

struct EgressRules::Index {
  std::vector<EgressRule> rules;
  RulesByText exact;                      // names, and addresses as they stand in a plan
  RulesByText suffix;                     // without "*."
  std::vector<std::size_t> any;           // "*"
  std::vector<std::size_t> address_only;  // rules without hosts: for literal addresses

  explicit Index(std::vector<EgressRule> list);
  /// The rules that name the host of the plan, in document order.
  [[nodiscard]] std::vector<std::size_t> naming(DialPlan const& plan) const;
};

EgressRules::Index::Index(std::vector<EgressRule> list) : rules(std::move(list)) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].hosts.empty()) address_only.push_back(i);
    for (auto const& host : rules[i].hosts) {
      switch (host.kind) {
        case HostPattern::Kind::exact:
        case HostPattern::Kind::address:
          exact[host.text].push_back(i);
          break;
        case HostPattern::Kind::suffix:
          suffix[host.text].push_back(i);
          break;
        case HostPattern::Kind::any:
          any.push_back(i);
          break;
      }
    }
  }
}

std::vector<std::size_t> EgressRules::Index::naming(DialPlan const& plan) const {
  std::vector<std::size_t> found;
  append_from(found, exact, plan.host());
  if (plan.literal()) {
    for (auto const i : address_only)
      if (std::ranges::any_of(rules[i].addresses, [&](Network const& network) {
            return network.contains(*plan.literal());
          }))
        found.push_back(i);
  } else {
    std::string_view const name = plan.host();
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
      append_from(found, suffix, name.substr(dot + 1));
  }
  if (plan.literal() || special_part(plan.host()).empty())
    found.insert(found.end(), any.begin(), any.end());
  std::ranges::sort(found);
  auto const repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  return found;
}

EgressRules::EgressRules() : index_(std::make_shared<Index>(std::vector<EgressRule>{})) {}

Result<EgressRules> EgressRules::parse(std::string_view json, std::string_view file) {
  TRY(auto rules, parse_egress_document(json, file));
  EgressRules out;
  out.index_ = std::make_shared<Index>(std::move(rules));
  return out;
}

EgressDecision EgressRules::decide(DialPlan const& plan) const {
  EgressDecision decision;
  std::string but;
  for (auto const i : index_->naming(plan)) {
    auto const& rule = index_->rules[i];
    if (!allows_scheme(rule, plan.scheme())) {
      if (but.empty())
        but = "rule " + rule.id + " does not permit " + std::string(name_of(plan.scheme()));
      continue;
    }
    if (!allows_port(rule, plan)) {
      if (but.empty())
        but = "rule " + rule.id + " does not permit port " + std::to_string(plan.port());
      continue;
    }
    AddressPredicate addresses;
    add_addresses(addresses, rule, plan);
    if (plan.literal() && !addresses.permits(*plan.literal())) {
      if (but.empty())
        but = "the address is " + std::string(name_of(classify(*plan.literal()))) + ", and rule " +
              rule.id + " does not name it";
      continue;
    }
    decision.permitted = true;
    decision.rules.push_back(rule.id);
    decision.addresses.add(addresses);
  }
  if (!decision.permitted) {
    auto const special = plan.literal() ? std::string_view() : special_part(plan.host());
    decision.reason = plan.host() + " is denied: ";
    if (!but.empty())
      decision.reason += but;
    else if (!special.empty())
      decision.reason += "no rule names it, and names like it (" + std::string(special) +
                         ") must be named to be permitted";
    else
      decision.reason += "no rule names it";
  }
  return decision;
}

}  // namespace dalsegno::http
