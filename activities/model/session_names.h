#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace dalsegno::activities {

/// Gives out names of sessions that are valid (`valid(SessionId)`) and never the same twice.
class SessionNames {
 public:
  /// `wanted`, with '_' for what a name may not contain and cut to its limit; if that is taken,
  /// with "-2", "-3" …
  [[nodiscard]] std::string take(std::string_view wanted);

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::size_t> next_suffix_;  // by name
};

}  // namespace dalsegno::activities
