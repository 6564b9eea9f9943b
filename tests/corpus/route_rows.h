#pragma once

#include "dalsegno/result.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::corpus {

/// A prompt that two models were given, and whether each answered it rightly.
struct RoutedPrompt {
  std::string prompt;
  bool weak_is_right = false;
  bool strong_is_right = false;

  /// What is won by giving it to the strong model: -1, 0 or 1.
  [[nodiscard]] int gain() const { return int{strong_is_right} - int{weak_is_right}; }
};

/// The rows of a .csv file: a column "prompt", and one for each model with True or False, the weak
/// one's first; "domain" and columns whose name ends with "_response" are passed over.
/// Errors: those of `read_bytes`; Errc::invalid with the file's name.
[[nodiscard]] Result<std::vector<RoutedPrompt>> read_routed_prompts(
    std::filesystem::path const& file);

/// Whether weights may be fitted on a prompt: three of four, by the first byte of its SHA-256. The
/// others are held out.
[[nodiscard]] bool is_for_training(std::string_view prompt);

/// The fold of `count` that a prompt is in, by the second byte of its SHA-256: for figures in which
/// each prompt is scored by weights that have not seen it.
[[nodiscard]] std::size_t fold_of(std::string_view prompt, std::size_t count);

/// What a router is worth that sends the prompts with the highest scores to the strong model.
struct RouteFigures {
  double apgr = 0;   ///< the mean share of the gap that is won, over all shares of strong calls
  double cpt80 = 1;  ///< the smallest share of strong calls that wins 80 % of the gap
};

/// `scores` has a score for each prompt. Of equal scores the earlier prompt goes first.
[[nodiscard]] RouteFigures figures_of(std::span<RoutedPrompt const> prompts,
                                      std::span<double const> scores);

}  // namespace dalsegno::corpus
