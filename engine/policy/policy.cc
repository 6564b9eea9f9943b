#include "engine/policy/policy.h"

#include "dalsegno/try.h"
#include "engine/policy/document.h"
#include "engine/policy/glob.h"
#include "engine/policy/rule.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <unordered_map>
#include <utility>

namespace dalsegno::engine {
namespace {

/// A name or a glob. The part before the first wildcard is compared at once, which settles most.
class Pattern {
 public:
  explicit Pattern(std::string text)
      : text_(std::move(text)), prefix_bytes_(std::min(text_.find_first_of("*?"), text_.size())) {}

  [[nodiscard]] bool is_exact() const { return prefix_bytes_ == text_.size(); }
  [[nodiscard]] std::string const& text() const { return text_; }
  [[nodiscard]] bool match(std::string_view name) const {
    auto const pattern = std::string_view(text_);
    if (!name.starts_with(pattern.substr(0, prefix_bytes_))) return false;
    if (is_exact()) return name.size() == pattern.size();
    return glob_matches(pattern.substr(prefix_bytes_), name.substr(prefix_bytes_));
  }

 private:
  std::string text_;
  std::size_t prefix_bytes_;
};

/// One condition of a rule: which of the names it has to do with. Empty: any.
class Names {
 public:
  explicit Names(Patterns const& patterns) {
    if (std::ranges::find(patterns, "*") != patterns.end()) return;
    for (auto const& text : patterns) patterns_.emplace_back(text);
  }

  [[nodiscard]] bool match(std::string_view name) const {
    return patterns_.empty() || std::ranges::any_of(patterns_, [name](auto const& pattern) {
             return pattern.match(name);
           });
  }

  /// Whether there are only names in full, so that an index can find them.
  [[nodiscard]] bool exact() const {
    return !patterns_.empty() && std::ranges::all_of(patterns_, &Pattern::is_exact);
  }
  [[nodiscard]] std::vector<Pattern> const& patterns() const { return patterns_; }

 private:
  std::vector<Pattern> patterns_;
};

/// A rule as one action sees it.
struct Condition {
  explicit Condition(Rule const& rule, std::size_t action)
      : resources(rule.resources[action]),
        principals(rule.principals),
        tenants(rule.tenants),
        workflows(rule.workflows),
        sessions(rule.sessions),
        effect(rule.effect) {}

  [[nodiscard]] bool match_rest(PolicyRequest const& request) const {
    return principals.match(request.principal) && tenants.match(request.tenant) &&
           workflows.match(request.workflow) && sessions.match(request.session);
  }
  [[nodiscard]] bool match(PolicyRequest const& request) const {
    return resources.match(request.resource) && match_rest(request);
  }

  Names resources;
  Names principals;
  Names tenants;
  Names workflows;
  Names sessions;
  RuleEffect effect;
};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

/// The rules of one action. A rule whose resources are given by exact names is found through an
/// index, so a set with one rule for each of a thousand tools is as fast as one with a few.
class ActionRules {
 public:
  void add(Rule const& rule, std::size_t rule_number, std::size_t action) {
    auto const place = conditions_.size();
    conditions_.emplace_back(rule_number, Condition(rule, action));
    auto const& resources = conditions_.back().second.resources;
    if (!resources.exact()) {
      others_.push_back(place);
      return;
    }
    for (auto const& pattern : resources.patterns()) by_name_[pattern.text()].push_back(place);
  }

  /// Calls `visit(rule number, effect)` for each rule that matches, in document order.
  template <class Visit>
  void for_each_match(PolicyRequest const& request, Visit visit) const {
    static std::vector<std::size_t> const none;
    auto const entry = by_name_.find(request.resource);
    auto const& named = entry == by_name_.end() ? none : entry->second;
    auto next_named = named.begin();
    auto next_other = others_.begin();
    auto const offer = [&](std::size_t place, bool matches) {
      auto const& [rule_number, condition] = conditions_[place];
      if (matches) visit(rule_number, condition.effect);
    };
    while (next_named != named.end() || next_other != others_.end()) {
      bool const take_named =
          next_other == others_.end() || (next_named != named.end() && *next_named < *next_other);
      if (take_named) {
        auto const place = *next_named++;
        offer(place, conditions_[place].second.match_rest(request));
      } else {
        auto const place = *next_other++;
        offer(place, conditions_[place].second.match(request));
      }
    }
  }

 private:
  std::vector<std::pair<std::size_t, Condition>> conditions_;  // rule number, its condition
  // Places in conditions_, ascending; a place is in one of the two.
  std::unordered_map<std::string, std::vector<std::size_t>, Hash, std::equal_to<>> by_name_;
  std::vector<std::size_t> others_;
};

std::optional<std::size_t> action_number(std::string_view name) {
  auto const found = std::ranges::find(action_names, name);
  if (found == action_names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - action_names.begin());
}

Decision default_deny(PolicyRequest const& request) {
  std::string reason = "no rule permits ";
  reason.append(request.action).append(" of '").append(request.resource).append("'");
  return {.permitted = false, .rules = {}, .reason = std::move(reason)};
}

}  // namespace

struct PolicySet::Rules {
  explicit Rules(PolicyDocument read)
      : document(std::move(read)), digest(storage::sha256({document.canonical})) {
    for (std::size_t number = 0; number < document.rules.size(); ++number) {
      auto const& rule = document.rules[number];
      for (std::size_t action = 0; action < action_count; ++action) {
        if (rule.actions[action]) by_action[action].add(rule, number, action);
      }
    }
  }

  PolicyDocument document;
  storage::Digest digest;
  std::array<ActionRules, action_count> by_action;
};

PolicySet::PolicySet()
    : rules_(std::make_shared<Rules const>(PolicyDocument{
          .name = {}, .rules = {}, .canonical = R"({"dalsegno_policy":1,"rules":[]})"})) {}

PolicySet::PolicySet(PolicySet const&) = default;
PolicySet& PolicySet::operator=(PolicySet const&) = default;
// A set that was moved from keeps its rules: there is no state in which it could not decide.
PolicySet::PolicySet(PolicySet&& other) noexcept
    : rules_(other.rules_) {}  // NOLINT(performance-move-constructor-init)
PolicySet& PolicySet::operator=(PolicySet&& other) noexcept {
  rules_ = other.rules_;
  return *this;
}
PolicySet::~PolicySet() = default;

Result<PolicySet> PolicySet::parse(std::string_view json, std::string_view file) {
  TRY(auto document, read_policy_document(json, file));
  PolicySet out;
  out.rules_ = std::make_shared<Rules const>(std::move(document));
  return out;
}

Decision PolicySet::decide(PolicyRequest const& request) const {
  auto const action = action_number(request.action);
  if (!action) return default_deny(request);
  auto const& rules = rules_->document.rules;
  std::optional<RuleEffect> effect;
  Decision out;
  rules_->by_action[*action].for_each_match(request, [&](std::size_t number, RuleEffect of_rule) {
    if (effect == RuleEffect::forbid && of_rule == RuleEffect::permit) return;
    if (effect != of_rule) {  // the first match, or a forbid after permits
      effect = of_rule;
      out.rules.clear();
      out.reason = rules[number].reason;
    }
    out.rules.push_back(rules[number].id);
  });
  if (!effect) return default_deny(request);
  out.permitted = *effect == RuleEffect::permit;
  return out;
}

storage::Digest const& PolicySet::digest() const { return rules_->digest; }
std::string const& PolicySet::name() const { return rules_->document.name; }
std::string const& PolicySet::document() const { return rules_->document.canonical; }

}  // namespace dalsegno::engine
