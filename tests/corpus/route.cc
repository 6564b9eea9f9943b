// Route: prompts that a weak and a strong model answered, and what a router is worth that knows the
// prompts alone. With --fit its weights are fitted on the prompts that are not held out.

#include "activities/model/routing/complexity.h"
#include "dalsegno/try.h"
#include "tests/corpus/kind.h"
#include "tests/corpus/route_fit.h"
#include "tests/corpus/route_rows.h"
#include "tests/corpus/rows.h"

#include <CLI/App.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::corpus {
namespace {

struct Options {
  std::string fit;
  std::string weights;
  std::size_t folds = 0;
  RouteFitOptions fitting;
};

enum class Part : std::uint8_t { all, training, held_out };

std::vector<RoutedPrompt> part_of(std::vector<RoutedPrompt> const& prompts, Part part) {
  std::vector<RoutedPrompt> chosen;
  for (auto const& prompt : prompts)
    if (part == Part::all || is_for_training(prompt.prompt) == (part == Part::training))
      chosen.push_back(prompt);
  return chosen;
}

RouteFigures score_part(std::vector<RoutedPrompt> const& prompts,
                        activities::ComplexityModel const& model) {
  std::vector<double> scores;
  scores.reserve(prompts.size());
  for (auto const& prompt : prompts) scores.push_back(model.score(prompt.prompt).raw);
  return figures_of(prompts, scores);
}

Json to_json_value(std::vector<RoutedPrompt> const& prompts, RouteFigures const& figures) {
  return Json()
      .set("apgr", figures.apgr)
      .set("cpt80", figures.cpt80)
      .set("rows", std::uint64_t{prompts.size()});
}

/// The figures of the model, and beside them those of the prompts' length alone.
Json score_prompts(std::vector<RoutedPrompt> const& prompts,
                   activities::ComplexityModel const& model) {
  std::vector<double> lengths;
  lengths.reserve(prompts.size());
  for (auto const& prompt : prompts) lengths.push_back(static_cast<double>(prompt.prompt.size()));
  auto answer = to_json_value(prompts, score_part(prompts, model));
  return answer.set("by_length", to_json_value(prompts, figures_of(prompts, lengths)));
}

Json score_file(std::vector<RoutedPrompt> const& prompts,
                activities::ComplexityModel const& model) {
  auto answer = score_prompts(prompts, model);
  for (auto const& [name, part] :
       {std::pair("training", Part::training), {"held_out", Part::held_out}})
    answer.set(name, score_prompts(part_of(prompts, part), model));
  return answer;
}

Result<activities::ComplexityModel> weights_of(Options const& options) {
  if (options.weights.empty()) return activities::builtin_complexity();
  TRY(auto const bytes, read_bytes(options.weights));
  return activities::ComplexityModel::parse(bytes);
}

Result<> write_weights(std::string const& file, Json const& weights) {
  std::ofstream out(file);
  out << "{";
  char const* before = "\n";
  for (auto const& [name, value] : *weights.as_object()) {
    out << before << '"' << name << "\": ";
    before = ",\n";
    auto const* const rows = value.as_array();
    if (rows == nullptr || rows->empty() || rows->front().as_array() == nullptr) {
      out << to_string(value);
      continue;
    }
    char const* before_row = "[\n  ";
    for (auto const& row : *rows) out << std::exchange(before_row, ",\n  ") << to_string(row);
    out << "]";
  }
  out << "\n}\n";
  if (!out.flush()) return Error(Errc::io, file + ": cannot be written");
  return {};
}

/// Each prompt is scored by weights that were fitted on the other folds.
Json score_across(std::vector<RouteTrainingSet> const& sets, Options const& options) {
  std::vector<std::vector<double>> scores;
  for (auto const& set : sets) scores.emplace_back(set.prompts.size());
  for (std::size_t fold = 0; fold < options.folds; ++fold) {
    auto const is_in_fold = [&](RoutedPrompt const& prompt) {
      return fold_of(prompt.prompt, options.folds) == fold;
    };
    auto training = sets;
    for (auto& set : training) std::erase_if(set.prompts, is_in_fold);
    auto const weights = fit_complexity(training, options.fitting);
    auto const model = activities::ComplexityModel::parse(to_string(weights));
    for (std::size_t i = 0; i < sets.size(); ++i)
      for (std::size_t j = 0; j < scores[i].size(); ++j)
        if (is_in_fold(sets[i].prompts[j]))
          scores[i][j] = model->score(sets[i].prompts[j].prompt).raw;
  }
  Json by_file = Json::Object{};
  for (std::size_t i = 0; i < sets.size(); ++i)
    by_file.set(sets[i].name,
                to_json_value(sets[i].prompts, figures_of(sets[i].prompts, scores[i])));
  return by_file;
}

Result<Json> score(std::filesystem::path const& path, Options const& options) {
  TRY(auto const files, files_at(path, {".csv"}));
  std::vector<RouteTrainingSet> sets;
  for (auto const& file : files) {
    TRY(auto prompts, read_routed_prompts(file));
    sets.push_back({file.filename().string(), std::move(prompts)});
  }
  if (options.folds > 1)
    return Json()
        .set("folds", std::uint64_t{options.folds})
        .set("files", score_across(sets, options));
  std::optional<activities::ComplexityModel> model;
  if (options.fit.empty()) {
    TRY(model, weights_of(options));
  } else {
    auto training = sets;
    for (auto& set : training) set.prompts = part_of(set.prompts, Part::training);
    auto const weights = fit_complexity(training, options.fitting);
    TRY_VOID(write_weights(options.fit, weights));
    TRY(model, activities::ComplexityModel::parse(to_string(weights)));
  }
  Json by_file = Json::Object{};
  RouteFigures worst{.apgr = 1, .cpt80 = 0};
  std::uint64_t rows = 0;
  for (auto const& set : sets) {
    auto const figures = score_part(set.prompts, *model);
    worst.apgr = std::min(worst.apgr, figures.apgr);
    worst.cpt80 = std::max(worst.cpt80, figures.cpt80);
    rows += set.prompts.size();
    by_file.set(set.name, score_file(set.prompts, *model));
  }
  return Json()
      .set("apgr", worst.apgr)
      .set("cpt80", worst.cpt80)
      .set("rows", rows)
      .set("weights", model->version())
      .set("files", std::move(by_file));
}

}  // namespace

Kind route() {
  auto const options = std::make_shared<Options>();  // shared: by the two functions
  return {
      .name = "route",
      .about =
          "prompts with the answers of a weak and a strong model: {apgr, cpt80, rows}, of "
          "several files the worst; and of each, also without the prompts fitted on",
      .score = [options](auto const& path) { return score(path, *options); },
      .add_options =
          [options](CLI::App& command) {
            command.add_option("--fit", options->fit, "fits weights and writes them to this file");
            command.add_option("--weights", options->weights, "scores with this file [our own]");
            command.add_option(
                "--folds", options->folds, "fits as often, and scores each fold by the others");
            auto& fitting = options->fitting;
            command.add_option("--ridge", fitting.ridge, "of --fit [200]");
            command.add_option("--strong-part", fitting.strong_part, "of --fit [0.8]");
            command.add_option("--signal-scale", fitting.signal_scale, "of --fit [0.2]");
            command.add_option("--texts-with-word", fitting.texts_with_word, "of --fit [40]");
            command.add_option("--evening", fitting.evening, "of --fit [0.5]");
          }};
}

}  // namespace dalsegno::corpus
