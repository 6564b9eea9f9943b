#include "activities/http/own_hosts.h"

#include "dalsegno/json.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace dalsegno::http {

std::string egress_for(std::span<DialPlan const> plans, std::string_view name) {
  Json::Array rules;
  for (auto const& plan : plans) {
    Json rule;
    auto id = std::string(name);
    if (plans.size() > 1) id += "-" + std::to_string(rules.size() + 1);
    rule.set("id", std::move(id));
    rule.set("hosts", Json::Array{plan.host()});
    rule.set("schemes", Json::Array{plan.scheme() == Scheme::https ? "https" : "http"});
    rule.set("ports", Json::Array{Json(std::uint64_t{plan.port()})});
    if (plan.host() == "localhost") rule.set("addresses", Json::Array{"127.0.0.0/8", "::1"});
    bool const is_known = std::ranges::any_of(rules, [&](Json const& other) {
      return *other.find("hosts") == *rule.find("hosts") &&
             *other.find("schemes") == *rule.find("schemes") &&
             *other.find("ports") == *rule.find("ports");
    });
    if (!is_known) rules.push_back(std::move(rule));
  }
  Json document;
  document.set("dalsegno_egress", 1).set("rules", std::move(rules));
  return to_string(document);
}

}  // namespace dalsegno::http
