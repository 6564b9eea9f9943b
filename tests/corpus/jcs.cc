// RFC 8785: documents with their canonical form, and numbers by their bits.

#include "dalsegno/try.h"
#include "tests/corpus/csv.h"
#include "tests/corpus/kind.h"
#include "tests/corpus/rows.h"

#include <bit>
#include <charconv>
#include <cstdint>

namespace dalsegno::corpus {
namespace {

struct Score {
  std::int64_t exact = 0;
  std::int64_t total = 0;

  void count(bool is_exact) {
    ++total;
    exact += is_exact ? 1 : 0;
  }
};

/// Each line is the bits of a double in hexadecimal digits, and its text.
Result<> score_numbers(std::filesystem::path const& path, Score& score) {
  TRY(auto const bytes, read_bytes(path));
  auto const records = parse_csv(bytes);
  if (!records) return Error(Errc::invalid, path.string() + ": " + records.error().detail);
  for (std::size_t i = 0; i < records->size(); ++i) {
    auto const& record = (*records)[i];
    std::uint64_t bits = 0;
    auto const& hex = record[0];
    auto const [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), bits, 16);
    if (record.size() != 2 || error != std::errc() || end != hex.data() + hex.size())
      return Error(Errc::invalid,
                   path.string() + ":" + std::to_string(i + 1) +
                       ": expected the bits of a double in hexadecimal digits, and its text");
    score.count(canonical_number(std::bit_cast<double>(bits)) == record[1]);
  }
  return {};
}

/// input/NAME.json, whose canonical form is output/NAME.json.
Result<> score_documents(std::filesystem::path const& folder, Score& score) {
  TRY(auto const inputs, files_at(folder / "input", {".json"}));
  for (auto const& input : inputs) {
    TRY(auto const text, read_bytes(input));
    TRY(auto const expected, read_bytes(folder / "output" / input.filename()));
    auto const ours = canonicalize(text);
    score.count(ours && *ours == expected);
  }
  return {};
}

Result<Json> score(std::filesystem::path const& path) {
  Score score;
  if (std::filesystem::is_directory(path / "input")) TRY_VOID(score_documents(path, score));
  if (auto const tables = files_at(path, {".csv"})) {
    for (auto const& table : *tables) TRY_VOID(score_numbers(table, score));
  } else if (score.total == 0) {
    return tables.error();
  }
  return Json().set("exact", score.exact).set("total", score.total);
}

}  // namespace

Kind jcs() {
  return {.name = "jcs",
          .about = "canonical JSON: input/ with output/, and tables of numbers: {exact, total}",
          .score = &score};
}

}  // namespace dalsegno::corpus
