#include "engine/policy/warnings.h"

#include "engine/policy/contradiction.h"
#include "engine/policy/glob.h"

#include <algorithm>
#include <optional>

namespace dalsegno::engine {
namespace {

/// Whether `wide` matches every text that `narrow` matches. A star of `wide` may swallow a wildcard
/// of `narrow`; its question mark may not, so patterns with one have to be the same.
bool covers(std::string const& wide, std::string const& narrow) {
  if (wide == narrow) return true;
  return !wide.contains('?') && glob_matches(wide, narrow);
}

bool covers(Patterns const& wide, Patterns const& narrow) {
  if (wide.empty() || std::ranges::find(wide, "*") != wide.end()) return true;
  return !narrow.empty() && std::ranges::all_of(narrow, [&](std::string const& one) {
    return std::ranges::any_of(wide, [&](std::string const& it) { return covers(it, one); });
  });
}

/// Whether `wide` is about every request that `narrow` is about. A rule that asks for some role
/// matches nobody without one, so "any role" is not the same as no word of roles.
bool covers(Rule const& wide, Rule const& narrow) {
  auto const& to = narrow.principals;
  auto const& from = wide.principals;
  bool const roles = from.roles.empty() || (!to.roles.empty() && covers(from.roles, to.roles));
  bool const lasts = !wide.expires || (narrow.expires && *wide.expires >= *narrow.expires);
  return (narrow.actions & ~wide.actions).none() && covers(wide.resources, narrow.resources) &&
         covers(from.kinds, to.kinds) && covers(from.ids, to.ids) &&
         covers(from.tenants, to.tenants) && roles && lasts;
}

/// Why `rule` has no effect beside `other`; "" when it may have one.
std::string left_nothing_by(Rule const& other, Rule const& rule) {
  if (other.effect == RuleEffect::forbid && rule.effect == RuleEffect::permit) {
    if (other.when || !covers(other, rule)) return {};
    return "can permit nothing: rule " + other.id + " forbids all of it";
  }
  if (other.effect != rule.effect || !rule.obligations.empty()) return {};
  bool const weaker = !other.when || other.when == rule.when;
  if (!weaker || !covers(other, rule)) return {};
  return "adds nothing to rule " + other.id + ", which covers all of it";
}

class Looking {
 public:
  Looking(PolicyDocument const& document, Time now) : rules_(document.rules), now_(now) {}

  std::vector<PolicyWarning> look() {
    for (std::size_t i = 0; i < rules_.size(); ++i)
      if (rules_[i].expires && *rules_[i].expires <= now_) gone_.push_back(i);
    for (std::size_t i = 0; i < rules_.size(); ++i) look_at(i);
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool gone(std::size_t i) const { return std::ranges::binary_search(gone_, i); }

  void look_at(std::size_t i) {
    auto const& rule = rules_[i];
    if (gone(i)) {
      note(WarningKind::expired, i, "expired at " + to_string(*rule.expires));
      return;
    }
    auto const contradiction = rule.when ? contradiction_in(*rule.when, now_) : std::string();
    if (!contradiction.empty()) {
      note(WarningKind::never_matches, i, "can never match: " + contradiction);
      return;
    }
    for (std::size_t other = 0; other < rules_.size() && compared_ < max_comparisons; ++other) {
      if (other == i || gone(other)) continue;
      ++compared_;
      auto const why = left_nothing_by(rules_[other], rule);
      if (why.empty()) continue;
      // Of two rules that say the same the later one is superfluous.
      bool const mutual = other > i && !left_nothing_by(rule, rules_[other]).empty();
      if (mutual) continue;
      note(WarningKind::shadowed, i, why);
      return;
    }
  }

  void note(WarningKind kind, std::size_t rule, std::string const& what) {
    found_.push_back({kind, rule, "rule " + rules_[rule].id + " " + what});
  }

  std::vector<Rule> const& rules_;
  Time now_;
  std::vector<std::size_t> gone_;  // ascending
  std::vector<PolicyWarning> found_;
  std::size_t compared_ = 0;
};

}  // namespace

std::vector<PolicyWarning> warnings_of(PolicyDocument const& document, Time now) {
  return Looking(document, now).look();
}

std::string line_of(PolicyWarning const& warning,
                    PolicyDocument const& document,
                    std::span<PolicySource const> sources) {
  auto const& [file, place] = document.places[warning.rule];
  return std::string(sources[file].file) + ":" + std::to_string(place.line) + ":" +
         std::to_string(place.column) + ": warning: " + warning.what;
}

}  // namespace dalsegno::engine
