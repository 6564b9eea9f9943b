#pragma once

#include "engine/policy/grammar.h"
#include "engine/policy/names.h"
#include "engine/policy/request.h"
#include "engine/policy/rule.h"

#include <boost/container/small_vector.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dalsegno::engine {

/// Places of rules in their set, ascending, each once.
using RulePlaces = boost::container::small_vector<std::uint32_t, 64>;

/// Finds the few rules of a large set that may match a request, by action and then by the most
/// telling of resource and principal: each rule is filed under one of them.
class RuleIndex {
 public:
  void add(Rule const& rule, std::uint32_t place);
  /// Every rule that matches is among them; the others have to be sorted out by the caller.
  void find(PolicyRequest const& request, std::size_t action, RulePlaces& out) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using ByName = std::unordered_map<std::string, std::vector<std::uint32_t>, Hash, std::equal_to<>>;

  struct OfAction {
    ByName resource;
    std::map<std::size_t, ByName> resource_prefix;  // by its length
    ByName principal;
    ByName role;
    ByName tenant;
    std::vector<std::uint32_t> others;
  };
  static void file(OfAction& index, Rule const& rule, std::uint32_t place);

  std::array<OfAction, action_count> actions_;
};

}  // namespace dalsegno::engine
