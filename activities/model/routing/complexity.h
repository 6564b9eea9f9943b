#pragma once

#include "activities/model/routing/text_signals.h"
#include "dalsegno/result.h"

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// How much of a score came from where; the largest say why a request counts as hard.
struct ScorePart {
  std::string name;  ///< of a signal, or "word STEM"
  double value = 0;
};

struct ComplexityScore {
  double raw = 0;    ///< orders requests
  double share = 0;  ///< the share of the requests it was fitted on that are easier: 0 to 1
  std::vector<ScorePart> parts = {};  ///< the largest first, at most `max_score_parts`
};
inline constexpr std::size_t max_score_parts = 8;

/// Foretells how much a request gains from a strong model: a linear function of the text's signals
/// and of the words in it. Its weights are a data file that `corpus route --fit` writes
/// (docs/routing.md says from what).
///
/// The file: {"dalsegno_complexity": 1, "version", "fitted_on", "bias", "signals": [[name, mean,
/// deviation, weight]], "words": [[stem, rarity, weight]], "quantiles": [raw score]}.
/// Thread: const use from several threads is fine.
class ComplexityModel {
 public:
  struct Signal {
    double mean = 0;
    double deviation = 1;
    double weight = 0;
  };
  struct Word {
    double rarity = 0;  ///< ln(texts / texts with it)
    double weight = 0;
  };

  /// Errors: Errc::invalid, naming what is wrong.
  [[nodiscard]] static Result<ComplexityModel> parse(std::string_view json);

  [[nodiscard]] ComplexityScore score(std::string_view text) const;
  [[nodiscard]] std::string const& version() const { return version_; }

 private:
  friend class ComplexityReader;

  [[nodiscard]] double share_of(double raw) const;

  std::string version_;
  double bias_ = 0;
  std::array<Signal, text_signal_count> signals_{};
  std::map<std::string, Word, std::less<>> words_;
  std::vector<double> quantiles_;  // rising, at least two
};

/// Our own weights, complexity.json.
[[nodiscard]] ComplexityModel const& builtin_complexity();

}  // namespace dalsegno::activities
