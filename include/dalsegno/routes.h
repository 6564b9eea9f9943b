#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dalsegno {

/// Where a call may go, as the policy's obligation `route` says: names and globs of endpoints.
struct Routes {
  std::vector<std::vector<std::string>> lists;  ///< one of each rule that permits the call

  /// Whether each list has an entry that matches; true when there are no lists.
  [[nodiscard]] bool allow(std::string_view endpoint) const;

  friend bool operator==(Routes const&, Routes const&) = default;
};

}  // namespace dalsegno
