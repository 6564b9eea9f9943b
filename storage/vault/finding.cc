#include "storage/vault/finding.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace dalsegno::vault {

std::vector<Finding> join(std::vector<Finding> findings) {
  std::ranges::sort(findings, {}, [](Finding const& f) {
    return std::tuple(f.begin, ~f.end, -static_cast<int>(f.evidence), std::string_view(f.kind));
  });
  std::vector<Finding> joined;
  std::size_t best_length = 0;  // of the finding that named the kind of joined.back()
  for (auto& finding : findings) {
    auto const length = finding.end - finding.begin;
    if (joined.empty() || finding.begin >= joined.back().end) {
      best_length = length;
      joined.push_back(std::move(finding));
      continue;
    }
    auto& last = joined.back();
    last.end = std::max(last.end, finding.end);
    if (std::tuple(finding.evidence, length) > std::tuple(last.evidence, best_length)) {
      best_length = length;
      last.kind = std::move(finding.kind);
      last.category = std::move(finding.category);
      last.evidence = finding.evidence;
    }
  }
  return joined;
}

}  // namespace dalsegno::vault
