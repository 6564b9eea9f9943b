#pragma once

#include "dalsegno/json.h"
#include "tests/corpus/route_rows.h"

#include <string>
#include <vector>

namespace dalsegno::corpus {

/// Prompts of one kind: what they gain on the whole is not to be explained by their texts.
struct RouteTrainingSet {
  std::string name;
  std::vector<RoutedPrompt> prompts;
};

struct RouteFitOptions {
  double ridge = 200;                ///< how much weights are held down
  double strong_part = 0.8;          ///< of the target: strong_part * strong - weak
  double signal_scale = 0.2;         ///< how much signals weigh against words
  std::size_t texts_with_word = 40;  ///< a word that fewer have says nothing
  /// The smaller of several sets count for more: each of n prompts as (largest / n)^(1 - evening).
  /// 1: every prompt counts the same.
  double evening = 0.5;
};

/// Weights for `activities::ComplexityModel`, as their file: a ridge regression of what prompts
/// gain on their signals and words. Deterministic. Source: docs/routing.md, "How the weights were
/// fitted".
[[nodiscard]] Json fit_complexity(std::vector<RouteTrainingSet> const& sets,
                                  RouteFitOptions const& options);

}  // namespace dalsegno::corpus
