// URLs that try to get round a filter: every row is sent through the real client and its guard,
// over a resolver and a transport that answer as the row says. Format: README.md beside the data.

#include "activities/http/client.h"
#include "dalsegno/try.h"
#include "tests/corpus/kind.h"
#include "tests/corpus/rows.h"

#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::corpus {
namespace {

/// Answers names as a row says; each question gets the next answer, the last one from then on.
class ScriptedResolver final : public http::Resolver {
 public:
  using Answers = std::vector<std::vector<std::string>>;

  ScriptedResolver(std::map<std::string, Answers> names, Answers otherwise)
      : names_(std::move(names)), otherwise_(std::move(otherwise)) {}

  Result<std::vector<http::Address>> resolve(std::string const& name,
                                             std::chrono::milliseconds) override {
    auto const found = names_.find(name);
    auto const& answers = found == names_.end() ? otherwise_ : found->second;
    std::vector<http::Address> addresses;
    auto const turn = asked_[name]++;
    if (!answers.empty())
      for (auto const& text : answers[std::min(turn, answers.size() - 1)])
        if (auto const address = http::parse_address(text)) addresses.push_back(*address);
    if (addresses.empty()) return Error(Errc::not_found, name + " does not resolve");
    return addresses;
  }

 private:
  std::map<std::string, Answers> names_;
  Answers otherwise_;
  std::map<std::string, std::size_t> asked_;
};

/// One time that a host would have been contacted.
struct Dialled {
  std::string host;
  std::int64_t port = 0;
  std::vector<http::Address> addresses;
};

/// Notes what would be dialled, and answers with the redirects of a row.
class ScriptedTransport final : public http::Transport {
 public:
  explicit ScriptedTransport(std::vector<std::string> redirects)
      : redirects_(std::move(redirects)) {}

  http::Exchanged exchange(Job const& job) override {
    http::Exchanged out;
    out.connected = true;
    out.address = job.addresses.front();
    out.response.status = 200;
    if (dialled_.size() < redirects_.size()) {
      out.response.status = 302;
      out.response.headers.push_back({"Location", redirects_[dialled_.size()]});
    }
    dialled_.push_back({job.plan.host(), job.plan.port(), job.addresses});
    job.on_head(out.response);
    return out;
  }

  [[nodiscard]] std::vector<Dialled> const& dialled() const { return dialled_; }

 private:
  std::vector<std::string> redirects_;
  std::vector<Dialled> dialled_;
};

std::vector<std::string> texts(Json const* list) {
  std::vector<std::string> out;
  if (list != nullptr && list->as_array() != nullptr)
    for (auto const& item : *list->as_array())
      if (item.as_string() != nullptr) out.push_back(*item.as_string());
  return out;
}

ScriptedResolver::Answers answers(Json const* list) {
  ScriptedResolver::Answers out;
  if (list != nullptr && list->as_array() != nullptr)
    for (auto const& item : *list->as_array()) out.push_back(texts(&item));
  return out;
}

/// The policies of the data as documents of ours.
struct Policies {
  std::map<std::string, http::EgressRules, std::less<>> rules;
  ScriptedResolver::Answers default_dns;
};

Json rule(std::string_view id, Json hosts, Json ports) {
  return Json()
      .set("id", id)
      .set("hosts", std::move(hosts))
      .set("ports", std::move(ports))
      .set("schemes", Json::Array{"http", "https"});
}

Result<http::EgressRules> rules_of(Json::Array rules) {
  return http::EgressRules::parse(
      to_string(Json().set("dalsegno_egress", 1).set("rules", Json(std::move(rules)))),
      "policies.json");
}

/// From policies.json beside the data; where a file was scored alone, with the hosts and ports that
/// its format names.
Result<Policies> read_policies(std::filesystem::path const& data) {
  auto const folder = std::filesystem::is_directory(data) ? data : data.parent_path();
  Json document;
  if (std::filesystem::exists(folder / "policies.json")) {
    TRY(auto const bytes, read_bytes(folder / "policies.json"));
    TRY(document, parse_json(bytes));
  } else {
    std::cerr << "corpus: no policies.json beside the data; taking those that were published\n";
    document = Json()
                   .set("allow",
                        Json()
                            .set("hosts",
                                 Json::Array{"api.example.com",
                                             "*.svc.example.net",
                                             "93.184.215.14",
                                             "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]"})
                            .set("ports", Json::Array{80, 443}))
                   .set("default_dns", Json::Array{Json::Array{"93.184.215.14"}});
  }
  auto const* const allow = document.find("allow");
  if (allow == nullptr || allow->find("hosts") == nullptr || allow->find("ports") == nullptr)
    return Error(Errc::invalid, "policies.json has no policy \"allow\" with hosts and ports");
  // `public` permits what its ranges do not deny, and that is one address that we deny by default:
  // the one at which Azure answers its own machines.
  auto azure = rule("azure", Json::Array{"*"}, Json::Array{"1-65535"});
  azure.set("addresses", Json::Array{"168.63.129.16"});
  Policies out;
  TRY(out.rules["public"],
      rules_of({rule("all", Json::Array{"*"}, Json::Array{"1-65535"}), std::move(azure)}));
  TRY(out.rules["allow"], rules_of({rule("listed", *allow->find("hosts"), *allow->find("ports"))}));
  out.default_dns = answers(document.find("default_dns"));
  return out;
}

/// What a row expects, and what came.
struct Verdict {
  bool is_escape = false;
  bool is_overblock = false;
  bool is_parse_refusal = false;
};

std::string without_dot(std::string_view host) {
  return std::string(host.ends_with('.') ? host.substr(0, host.size() - 1) : host);
}

/// What a row's URL means; relative to its base if it has one, which must be good itself.
Result<http::DialPlan> plan_of(Json const& row) {
  if (row.find("base") == nullptr) return http::DialPlan::parse(row.text("url"));
  TRY(auto const base, http::DialPlan::parse(row.text("base")));
  return base.follow(row.text("url"));
}

/// No filtering: which host would be contacted, or that the URL is refused.
Verdict judge_parse(Json const& row) {
  auto const plan = plan_of(row);
  auto const expected = without_dot(row.text("should_reach"));
  auto const* const port = row.find("port");
  Verdict verdict;
  if (!plan) {
    verdict.is_parse_refusal = expected != "none";
  } else {
    bool const is_port =
        port != nullptr && port->as_integer() != nullptr && *port->as_integer() == plan->port();
    verdict.is_escape = plan->host() != expected || !is_port;
  }
  return verdict;
}

bool may_be_contacted(Json const& row, Dialled const& dialled) {
  auto const contacts = row.find("contacts") == nullptr
                            ? std::vector<std::string>{std::string(row.text("should_reach"))}
                            : texts(row.find("contacts"));
  if (std::ranges::none_of(contacts,
                           [&](auto const& host) { return without_dot(host) == dialled.host; }))
    return false;
  if (row.find("connect_ip") == nullptr) return true;
  auto const only = http::parse_address(row.text("connect_ip"));
  return std::ranges::all_of(dialled.addresses,
                             [&](auto const& address) { return address == only; });
}

Verdict judge(Json const& row, Policies const& policies, http::EgressRules const& rules) {
  std::map<std::string, ScriptedResolver::Answers> names;
  if (auto const* const dns = row.find("dns"); dns != nullptr && dns->as_object() != nullptr)
    for (auto const& [name, list] : *dns->as_object()) names[name] = answers(&list);
  ScriptedResolver resolver(std::move(names), policies.default_dns);
  ScriptedTransport transport(texts(row.find("redirects")));
  http::EgressGuard const guard(rules, resolver);
  // A relative row is what a client makes of it: its base followed.
  auto const plan = plan_of(row);
  auto const url = row.find("base") == nullptr ? std::string(row.text("url"))
                   : plan                      ? to_string(*plan)
                                               : std::string();
  // The variables of a row are set while it is under way: they must change nothing.
  std::vector<std::string> variables;
  if (auto const* const env = row.find("env"); env != nullptr && env->as_object() != nullptr)
    for (auto const& [name, value] : *env->as_object())
      if (value.as_string() != nullptr && setenv(name.c_str(), value.as_string()->c_str(), 1) == 0)
        variables.push_back(name);
  auto const answer = http::Client(guard, transport).send({.url = url});
  for (auto const& name : variables) unsetenv(name.c_str());

  auto const expected = without_dot(row.text("should_reach"));
  auto const& dialled = transport.dialled();
  bool const is_reached = !dialled.empty() && !answer.failure && answer.response.status == 200;
  Verdict verdict;
  verdict.is_escape =
      !std::ranges::all_of(dialled, [&](Dialled const& one) { return may_be_contacted(row, one); });
  if (is_reached) {
    auto const* const port = row.find("port");
    auto const is_expected = expected != "none" && dialled.back().host == expected &&
                             port != nullptr && port->as_integer() != nullptr &&
                             *port->as_integer() == dialled.back().port;
    verdict.is_escape = verdict.is_escape || !is_expected;
  } else {
    auto const* const may_reject = row.find("may_reject");
    bool const is_optional =
        may_reject != nullptr && may_reject->as_bool() != nullptr && *may_reject->as_bool();
    verdict.is_overblock = expected != "none" && !is_optional;
  }
  return verdict;
}

Result<Json> score(std::filesystem::path const& path) {
  TRY(auto const policies, read_policies(path));
  std::int64_t rows = 0;
  std::int64_t escapes = 0;
  std::int64_t overblocks = 0;
  std::int64_t parse_refused = 0;
  auto const each = [&](Row const& row) -> Result<> {
    auto const policy = row.value.text("policy");
    auto const rules = policies.rules.find(policy);
    if (policy != "parse" && rules == policies.rules.end())
      return Error(Errc::invalid,
                   place_of(row) + ": there is no policy \"" + std::string(policy) + "\"");
    auto const verdict =
        policy == "parse" ? judge_parse(row.value) : judge(row.value, policies, rules->second);
    ++rows;
    escapes += verdict.is_escape ? 1 : 0;
    overblocks += verdict.is_overblock ? 1 : 0;
    parse_refused += verdict.is_parse_refusal ? 1 : 0;
    if (verdict.is_escape || verdict.is_overblock)
      std::cerr << (verdict.is_escape ? "escape: " : "overblock: ") << place_of(row) << ' '
                << to_string(row.value) << '\n';
    return {};
  };
  TRY_VOID(for_each_row(path, each));
  return Json()
      .set("escapes", escapes)
      .set("overblocks", overblocks)
      .set("parse_refused", parse_refused)
      .set("rows", rows);
}

}  // namespace

Kind ssrf() {
  return {.name = "ssrf",
          .about = "URLs against the egress guard: {escapes, overblocks, parse_refused, rows}",
          .score = &score};
}

}  // namespace dalsegno::corpus
