#include "activities/model/routing/complexity.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace dalsegno::activities {
namespace {

Error wrong(std::string const& what) { return {Errc::invalid, "complexity: " + what}; }

std::optional<TextSignal> signal_of(std::string_view name) {
  for (std::size_t i = 0; i < text_signal_count; ++i)
    if (name_of(static_cast<TextSignal>(i)) == name) return static_cast<TextSignal>(i);
  return std::nullopt;
}

Result<double> number_of(Json const* value, std::string const& what) {
  auto const number = value == nullptr ? std::nullopt : value->as_double();
  if (!number) return wrong(what + " is no number");
  return *number;
}

/// A row [name, number, …] with `numbers` of them.
Result<std::vector<double>> row_of(Json const& row, std::size_t numbers, std::string& name) {
  auto const* const cells = row.as_array();
  if (cells == nullptr || cells->size() != numbers + 1 || cells->front().as_string() == nullptr)
    return wrong("a row is not a name and " + std::to_string(numbers) + " numbers");
  name = *cells->front().as_string();
  std::vector<double> values;
  for (std::size_t i = 1; i <= numbers; ++i) {
    TRY(auto const value, number_of(&(*cells)[i], name));
    values.push_back(value);
  }
  return values;
}

Result<Json::Array const*> list_of(Json const& file, std::string_view name) {
  auto const* const list = file.find(name);
  if (list == nullptr || list->as_array() == nullptr)
    return wrong("\"" + std::string(name) + "\" is no list");
  return list->as_array();
}

}  // namespace

class ComplexityReader {
 public:
  static Result<ComplexityModel> read(Json const& file) {
    auto const* const format = file.find("dalsegno_complexity");
    if (format == nullptr || *format != Json(1)) return wrong("not format 1");
    ComplexityModel model;
    model.version_ = file.text("version");
    TRY(model.bias_, number_of(file.find("bias"), "bias"));
    TRY_VOID(read_signals(file, model));
    TRY_VOID(read_words(file, model));
    TRY(auto const* const quantiles, list_of(file, "quantiles"));
    for (auto const& each : *quantiles) {
      TRY(auto const value, number_of(&each, "a quantile"));
      model.quantiles_.push_back(value);
    }
    if (model.quantiles_.size() < 2 || !std::ranges::is_sorted(model.quantiles_))
      return wrong("quantiles do not rise");
    return model;
  }

 private:
  static Result<> read_signals(Json const& file, ComplexityModel& model) {
    TRY(auto const* const rows, list_of(file, "signals"));
    for (auto const& row : *rows) {
      std::string name;
      TRY(auto const values, row_of(row, 3, name));
      auto const signal = signal_of(name);
      if (!signal) return wrong("there is no signal " + name);
      if (!(values[1] > 0)) return wrong("the deviation of " + name + " is not above 0");
      model.signals_[static_cast<std::size_t>(*signal)] = {values[0], values[1], values[2]};
    }
    return {};
  }

  static Result<> read_words(Json const& file, ComplexityModel& model) {
    TRY(auto const* const rows, list_of(file, "words"));
    for (auto const& row : *rows) {
      std::string stem;
      TRY(auto const values, row_of(row, 2, stem));
      if (!(values[0] > 0)) return wrong("the rarity of " + stem + " is not above 0");
      model.words_.insert_or_assign(stem, ComplexityModel::Word{values[0], values[1]});
    }
    return {};
  }
};

Result<ComplexityModel> ComplexityModel::parse(std::string_view json) {
  TRY(auto const file, parse_json(json));
  return ComplexityReader::read(file);
}

ComplexityScore ComplexityModel::score(std::string_view text) const {
  ComplexityScore score{.raw = bias_};
  auto const values = text_signals(text);
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto const& signal = signals_[i];
    if (signal.weight == 0) continue;
    auto const part = signal.weight * (values[i] - signal.mean) / signal.deviation;
    score.raw += part;
    score.parts.push_back({std::string(name_of(static_cast<TextSignal>(i))), part});
  }
  std::vector<std::pair<std::string, Word>> known;
  double squares = 0;
  for (auto& stem : word_stems(text)) {
    auto const found = words_.find(stem);
    if (found == words_.end()) continue;
    squares += found->second.rarity * found->second.rarity;
    known.emplace_back(std::move(stem), found->second);
  }
  for (auto const& [stem, word] : known) {
    auto const part = word.weight * word.rarity / std::sqrt(squares);
    score.raw += part;
    score.parts.push_back({"word " + stem, part});
  }
  std::ranges::sort(score.parts, [](ScorePart const& a, ScorePart const& b) {
    return std::pair(-std::abs(a.value), std::string_view(a.name)) <
           std::pair(-std::abs(b.value), std::string_view(b.name));
  });
  if (score.parts.size() > max_score_parts) score.parts.resize(max_score_parts);
  score.share = share_of(score.raw);
  return score;
}

double ComplexityModel::share_of(double raw) const {
  auto const above = std::ranges::upper_bound(quantiles_, raw);
  if (above == quantiles_.begin()) return 0;
  if (above == quantiles_.end()) return 1;
  auto const low = *(above - 1);
  auto const whole =
      static_cast<double>(above - 1 - quantiles_.begin()) + (raw - low) / (*above - low);
  return whole / static_cast<double>(quantiles_.size() - 1);
}

}  // namespace dalsegno::activities
