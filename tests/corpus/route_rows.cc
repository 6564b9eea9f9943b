#include "tests/corpus/route_rows.h"

#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "tests/corpus/csv.h"
#include "tests/corpus/rows.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>

namespace dalsegno::corpus {
namespace {

struct Columns {
  std::optional<std::size_t> prompt;
  std::vector<std::size_t> models;
};

Columns columns_of(std::vector<std::string> const& header) {
  Columns columns;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == "prompt")
      columns.prompt = i;
    else if (header[i] != "domain" && !header[i].ends_with("_response"))
      columns.models.push_back(i);
  }
  return columns;
}

}  // namespace

Result<std::vector<RoutedPrompt>> read_routed_prompts(std::filesystem::path const& file) {
  auto const wrong = [&](std::string const& what) {
    return Error(Errc::invalid, file.string() + ": " + what);
  };
  TRY(auto const bytes, read_bytes(file));
  auto const records = parse_csv(bytes);
  if (!records) return wrong(records.error().detail);
  if (records->empty()) return wrong("has no header");
  auto const columns = columns_of(records->front());
  if (!columns.prompt || columns.models.size() != 2)
    return wrong("has not a column prompt and two of models");
  std::vector<RoutedPrompt> prompts;
  for (std::size_t i = 1; i < records->size(); ++i) {
    auto const& record = (*records)[i];
    if (record.size() != records->front().size())
      return wrong("record " + std::to_string(i) + " has another number of fields");
    auto const is_right = [&](std::size_t model) {
      return record[columns.models[model]] == "True";
    };
    prompts.push_back({record[*columns.prompt], is_right(0), is_right(1)});
  }
  return prompts;
}

bool is_for_training(std::string_view prompt) {
  return storage::sha256({prompt}).bytes.front() < 192;
}

std::size_t fold_of(std::string_view prompt, std::size_t count) {
  return storage::sha256({prompt}).bytes[1] % count;
}

RouteFigures figures_of(std::span<RoutedPrompt const> prompts, std::span<double const> scores) {
  assert(prompts.size() == scores.size());
  std::vector<std::size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(-scores[a], a) < std::pair(-scores[b], b);
  });
  int gap = 0;
  for (auto const& prompt : prompts) gap += prompt.gain();
  if (gap <= 0) return {};
  RouteFigures figures;
  int won = 0;
  std::size_t calls = 0;
  std::size_t enough = 0;
  auto const count = static_cast<double>(prompts.size());
  for (auto const at : order) {
    won += prompts[at].gain();
    ++calls;
    figures.apgr += static_cast<double>(won) / gap / count;
    if (enough == 0 && 5 * won >= 4 * gap) enough = calls;
  }
  figures.cpt80 = static_cast<double>(enough) / count;
  return figures;
}

}  // namespace dalsegno::corpus
