#include "tests/corpus/route_fit.h"

#include "activities/model/routing/complexity.h"
#include "activities/model/routing/text_signals.h"
#include "storage/event/digest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace dalsegno::corpus {
namespace {

using activities::text_signal_count;

/// A text as the regression sees it.
struct Sample {
  activities::TextSignals signals{};
  std::vector<std::pair<std::size_t, double>> words;  // column and value
  std::vector<std::string> stems;
  double target = 0;
  double weight = 1;
};

std::vector<Sample> samples_of(std::vector<RouteTrainingSet> const& sets,
                               RouteFitOptions const& options) {
  std::size_t largest = 1;
  for (auto const& set : sets) largest = std::max(largest, set.prompts.size());
  std::vector<Sample> samples;
  for (auto const& set : sets) {
    auto const begin = samples.size();
    double sum = 0;
    for (auto const& prompt : set.prompts) {
      Sample sample;
      sample.signals = activities::text_signals(prompt.prompt);
      sample.stems = activities::word_stems(prompt.prompt);
      sample.target =
          options.strong_part * (prompt.strong_is_right ? 1 : 0) - (prompt.weak_is_right ? 1 : 0);
      sample.weight =
          std::pow(static_cast<double>(largest) / static_cast<double>(set.prompts.size()),
                   1 - options.evening);
      sum += sample.target;
      samples.push_back(std::move(sample));
    }
    auto const mean = sum / static_cast<double>(set.prompts.size());
    for (auto i = begin; i < samples.size(); ++i) samples[i].target -= mean;
  }
  return samples;
}

struct Column {
  std::string stem;
  double rarity = 0;
};

/// The words that enough texts have, but not half of them.
std::vector<Column> columns_of(std::vector<Sample> const& samples, std::size_t least) {
  std::map<std::string, std::size_t> texts;
  for (auto const& sample : samples)
    for (auto const& stem : sample.stems) ++texts[stem];
  std::vector<Column> columns;
  for (auto const& [stem, count] : texts)
    if (count >= least && 2 * count < samples.size())
      columns.push_back(
          {stem, std::log(static_cast<double>(samples.size()) / static_cast<double>(count))});
  return columns;
}

void set_words(std::vector<Sample>& samples, std::vector<Column> const& columns) {
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < columns.size(); ++i) places.emplace(columns[i].stem, i);
  for (auto& sample : samples) {
    double squares = 0;
    for (auto const& stem : sample.stems) {
      auto const found = places.find(stem);
      if (found == places.end()) continue;
      auto const rarity = columns[found->second].rarity;
      sample.words.emplace_back(found->second, rarity);
      squares += rarity * rarity;
    }
    for (auto& [column, value] : sample.words) value /= std::sqrt(squares);
  }
}

struct Scale {
  double mean = 0;
  double deviation = 0;
};

std::array<Scale, text_signal_count> scales_of(std::vector<Sample> const& samples) {
  std::array<Scale, text_signal_count> scales{};
  auto const count = static_cast<double>(samples.size());
  for (std::size_t i = 0; i < scales.size(); ++i) {
    for (auto const& sample : samples) scales[i].mean += sample.signals[i] / count;
    double variance = 0;
    for (auto const& sample : samples) {
      auto const off = sample.signals[i] - scales[i].mean;
      variance += off * off / count;
    }
    scales[i].deviation = std::sqrt(variance);
  }
  return scales;
}

/// A symmetric matrix, its lower half, and the right side of the equations.
struct Equations {
  explicit Equations(std::size_t count) : size(count), matrix(count * count), right(count) {}
  double& at(std::size_t row, std::size_t column) { return matrix[row * size + column]; }
  std::size_t size;
  std::vector<double> matrix;
  std::vector<double> right;
};

/// By Cholesky's decomposition; the matrix is positive definite because of the ridge.
std::vector<double> solve(Equations equations) {
  auto const size = equations.size;
  for (std::size_t j = 0; j < size; ++j) {
    for (std::size_t i = j; i < size; ++i) {
      double sum = equations.at(i, j);
      auto const* const a = &equations.matrix[i * size];
      auto const* const b = &equations.matrix[j * size];
      for (std::size_t k = 0; k < j; ++k) sum -= a[k] * b[k];
      equations.at(i, j) = i == j ? std::sqrt(sum) : sum / equations.at(j, j);
    }
  }
  auto values = std::move(equations.right);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t k = 0; k < i; ++k) values[i] -= equations.at(i, k) * values[k];
    values[i] /= equations.at(i, i);
  }
  for (std::size_t i = size; i-- > 0;) {
    for (std::size_t k = i + 1; k < size; ++k) values[i] -= equations.at(k, i) * values[k];
    values[i] /= equations.at(i, i);
  }
  return values;
}

std::vector<double> regress(std::vector<Sample> const& samples,
                            std::array<Scale, text_signal_count> const& scales,
                            std::size_t words,
                            RouteFitOptions const& options) {
  Equations equations(words + text_signal_count);
  for (auto const& sample : samples) {
    auto row = sample.words;
    for (std::size_t i = 0; i < scales.size(); ++i)
      if (scales[i].deviation > 0)
        row.emplace_back(
            words + i,
            options.signal_scale * (sample.signals[i] - scales[i].mean) / scales[i].deviation);
    for (std::size_t a = 0; a < row.size(); ++a) {
      equations.right[row[a].first] += sample.weight * row[a].second * sample.target;
      for (std::size_t b = 0; b <= a; ++b)
        equations.at(row[a].first, row[b].first) += sample.weight * row[a].second * row[b].second;
    }
  }
  for (std::size_t i = 0; i < equations.size; ++i) equations.at(i, i) += options.ridge;
  return solve(std::move(equations));
}

/// Six digits, so that the file reads and a compiler's last bit does not show.
double rounded(double value) {
  std::array<char, 32> text{};
  auto const end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6);
  double read = 0;
  std::from_chars(text.data(), end.ptr, read);
  return read;
}

/// What a text's raw score would be at each step of 5 %.
Json quantiles_of(Json const& file, std::vector<RouteTrainingSet> const& sets) {
  auto const model = activities::ComplexityModel::parse(to_string(file));
  std::vector<double> scores;
  for (auto const& set : sets)
    for (auto const& prompt : set.prompts) scores.push_back(model->score(prompt.prompt).raw);
  std::ranges::sort(scores);
  Json::Array quantiles;
  for (std::size_t i = 0; i <= 20; ++i)
    quantiles.emplace_back(rounded(scores[(scores.size() - 1) * i / 20]));
  return quantiles;
}

}  // namespace

Json fit_complexity(std::vector<RouteTrainingSet> const& sets, RouteFitOptions const& options) {
  auto samples = samples_of(sets, options);
  auto const columns = columns_of(samples, options.texts_with_word);
  set_words(samples, columns);
  auto const scales = scales_of(samples);
  auto const weights = regress(samples, scales, columns.size(), options);

  Json::Array fitted_on;
  for (auto const& set : sets)
    fitted_on.push_back(
        Json().set("name", set.name).set("prompts", std::uint64_t{set.prompts.size()}));
  Json::Array signals;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    if (!(scales[i].deviation > 0)) continue;
    auto const name = activities::name_of(static_cast<activities::TextSignal>(i));
    signals.push_back(Json::Array{name,
                                  rounded(scales[i].mean),
                                  rounded(scales[i].deviation),
                                  rounded(options.signal_scale * weights[columns.size() + i])});
  }
  Json::Array words;
  for (std::size_t i = 0; i < columns.size(); ++i)
    words.push_back(Json::Array{columns[i].stem, rounded(columns[i].rarity), rounded(weights[i])});
  Json file;
  file.set("dalsegno_complexity", 1)
      .set("version", "1")
      .set("fitted_on", std::move(fitted_on))
      .set("bias", 0)
      .set("signals", std::move(signals))
      .set("words", std::move(words))
      .set("quantiles", Json::Array{0, 1});
  auto quantiles = quantiles_of(file, sets);
  file.set("quantiles", std::move(quantiles));
  return file;
}

}  // namespace dalsegno::corpus
