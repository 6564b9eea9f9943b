#include "engine/policy/nearest.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace dalsegno::engine {
namespace {

constexpr std::size_t longest = 64;

// The edit distance with swaps of neighbours ("optimal string alignment"), row by row.
std::size_t distance(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, longest + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto const replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::exchange(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<std::string_view const> known) {
  if (word.empty() || word.size() > longest) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_distance = 0;
  for (auto const candidate : known) {
    if (candidate.empty() || candidate.size() > longest) continue;
    auto const longer = std::max(word.size(), candidate.size());
    auto const shorter = std::min(word.size(), candidate.size());
    auto const allowed = std::max<std::size_t>(1, longer / 3);
    if (longer - shorter > allowed) continue;
    auto const found = distance(word, candidate);
    // Words of one or two letters that share none of them are different words, not slips.
    if (found > allowed || found >= longer) continue;
    if (!best || found < best_distance) {
      best = candidate;
      best_distance = found;
    }
  }
  return best;
}

}  // namespace dalsegno::engine
