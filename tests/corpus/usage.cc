// Usage: rows {model, body, expected: [{usage, priced_by: [{provider_id, input_price,
// output_price}]}]}. Several readers have read each body, some of them less than all: ours has to
// read what one of them read, and what it read has to cost what that reader's providers charge.

#include "activities/model/usage.h"

#include "activities/model/price_table.h"
#include "dalsegno/try.h"
#include "tests/corpus/kind.h"
#include "tests/corpus/rows.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace dalsegno::corpus {
namespace {

using activities::Usage;

constexpr double tolerance_usd = 1e-9;

struct Totals {
  std::int64_t rows = 0;
  std::int64_t exact = 0;
  std::int64_t beyond = 0;  // of these, with cached tokens that no reader knew how to find
  std::int64_t prices = 0;
  std::int64_t prices_exact = 0;
};

Usage reading_of(Json const& counts) {
  auto const count = [&](std::string_view name) -> std::uint64_t {
    auto const* value = counts.find(name);
    auto const* number = value != nullptr ? value->as_integer() : nullptr;
    return number != nullptr && *number > 0 ? static_cast<std::uint64_t>(*number) : 0;
  };
  return {.input = count("input_tokens"),
          .cached = count("cache_read_tokens"),
          .cache_write = count("cache_write_tokens"),
          .output = count("output_tokens"),
          .reasoning = count("output_reasoning_tokens"),
          .input_audio = count("input_audio_tokens"),
          .cached_audio = count("cache_audio_read_tokens"),
          .output_audio = count("output_audio_tokens"),
          .output_image = count("output_image_tokens")};
}

/// With CORPUS_MISSES set, what is not exact goes to the error output.
void tell(Row const& row, std::string_view what) {
  static bool const wanted = std::getenv("CORPUS_MISSES") != nullptr;
  if (wanted) std::cerr << place_of(row) << ": " << what << ' ' << row.value.text("model") << '\n';
}

bool is_price(Json const& priced, std::string_view name, double ours) {
  auto const text = priced.text(name);
  double theirs = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), theirs);
  return error == std::errc() && end == text.data() + text.size() &&
         std::abs(ours - theirs) <= tolerance_usd;
}

/// Whether every provider of a reading charges for `usage` what it charged.
Result<bool> charged(Row const& row, Json const& reading, Usage const& usage, Totals& totals) {
  auto const* list = reading.find("priced_by");
  if (list == nullptr || list->as_array() == nullptr)
    return Error(Errc::invalid, place_of(row) + ": \"priced_by\" is no list");
  auto const& table = activities::builtin_prices();
  bool all = true;
  for (auto const& priced : *list->as_array()) {
    auto const cost = table.cost(priced.text("provider_id"),
                                 row.value.text("model"),
                                 usage,
                                 table.date() + std::chrono::hours(12));
    bool const exact = cost && is_price(priced, "input_price", cost->input) &&
                       is_price(priced, "output_price", cost->output);
    if (!exact)
      tell(
          row,
          cost ? "other price at " + std::string(priced.text("provider_id")) : cost.error().detail);
    ++totals.prices;
    totals.prices_exact += exact ? 1 : 0;
    all = all && exact;
  }
  return all;
}

/// Reads only what the readers of the rows know.
Usage without_cached(Usage usage) {
  usage.cached = 0;
  return usage;
}

Result<> score_row(Row const& row, Totals& totals) {
  auto const* body = row.value.find("body");
  auto const* expected = row.value.find("expected");
  if (body == nullptr || expected == nullptr || expected->as_array() == nullptr)
    return Error(Errc::invalid, place_of(row) + ": \"body\" or \"expected\" is missing");
  auto const* inner = body->find("usage");
  bool const has_unknown_spelling = inner != nullptr && inner->find("num_cached_tokens") != nullptr;
  auto const ours = activities::read_usage(*body);
  if (!ours) tell(row, ours.error().detail);
  bool counted = false;
  bool beyond = false;
  bool paid = true;
  for (auto const& reading : *expected->as_array()) {
    auto const* counts = reading.find("usage");
    if (counts == nullptr)
      return Error(Errc::invalid, place_of(row) + ": a reading has no \"usage\"");
    auto const theirs = reading_of(*counts);
    bool const same = ours && *ours == theirs;
    bool const more = ours && !same && has_unknown_spelling && without_cached(*ours) == theirs;
    TRY(bool const right, charged(row, reading, same || more ? *ours : theirs, totals));
    if (!same && !more) continue;
    counted = true;
    beyond = beyond || more;
    paid = paid && right;
  }
  if (!counted) tell(row, "other counts");
  ++totals.rows;
  totals.exact += counted && paid ? 1 : 0;
  totals.beyond += beyond ? 1 : 0;
  return {};
}

Result<Json> score(std::filesystem::path const& path) {
  Totals totals;
  TRY_VOID(for_each_row(path, [&](Row const& row) { return score_row(row, totals); }));
  return Json()
      .set("exact", totals.exact)
      .set("total", totals.rows)
      .set("beyond_reference", totals.beyond)
      .set("prices_exact", totals.prices_exact)
      .set("prices_total", totals.prices)
      .set("prices_version", activities::builtin_prices().version());
}

}  // namespace

Kind usage() {
  return {.name = "usage",
          .about = "usage objects of model servers, and prices: {exact, total}",
          .score = &score};
}

}  // namespace dalsegno::corpus
