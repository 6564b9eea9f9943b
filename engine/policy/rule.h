#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "engine/policy/condition.h"
#include "engine/policy/grammar.h"

#include <bitset>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// Names and globs of which one has to match. Without any, every name matches.
using Patterns = std::vector<std::string>;

enum class RuleEffect : bool { permit, forbid };

/// Whose requests a rule is about.
struct PrincipalMatch {
  Patterns kinds;
  Patterns ids;
  Patterns tenants;
  Patterns roles;  ///< one of the principal's has to match
  friend bool operator==(PrincipalMatch const&, PrincipalMatch const&) = default;
};

struct Obligation {
  ObligationKind kind{};
  Json parameters;
  friend bool operator==(Obligation const&, Obligation const&) = default;
};

/// One rule of a policy document, validated.
struct Rule {
  std::string id;
  RuleEffect effect = RuleEffect::forbid;
  std::bitset<action_count> actions;
  Patterns resources;
  PrincipalMatch principals;
  std::optional<Condition> when;
  std::vector<Obligation> obligations;  ///< each kind once at most, in the order of the kinds
  std::string reason;
  std::string owner;
  std::optional<Time> expires;  ///< from then on it matches nothing

  friend bool operator==(Rule const&, Rule const&) = default;
};

}  // namespace dalsegno::engine
