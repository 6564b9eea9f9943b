#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// What policy decides about. The numbers are indexes into the tables below, not on disk.
enum class Action : std::size_t { model_call = 0, tool_call = 1, activity_call = 2 };
inline constexpr std::size_t action_count = 3;

/// The name of each action, as in `PolicyRequest::action`.
inline constexpr std::array<std::string_view, action_count> action_names = {
    "model.call", "tool.call", "activity.call"};
/// The field of a rule that restricts the resource of each action.
inline constexpr std::array<std::string_view, action_count> resource_fields = {
    "models", "tools", "activities"};

/// Names and globs of which one has to match. Without any, every name matches.
using Patterns = std::vector<std::string>;

enum class RuleEffect : bool { permit, forbid };

/// One rule of a policy document, validated.
struct Rule {
  std::string id;
  RuleEffect effect = RuleEffect::forbid;
  /// What it can match: the listed actions and, when the rule names resources, only those whose
  /// resources it names.
  std::bitset<action_count> actions;
  std::array<Patterns, action_count> resources;  ///< by action
  Patterns tenants;
  Patterns workflows;
  Patterns principals;
  Patterns sessions;
  std::string reason;
  std::string owner;
};

}  // namespace dalsegno::engine
