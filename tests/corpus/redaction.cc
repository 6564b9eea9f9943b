// Redaction: rows {text, spans: [{start, end, kind}], scope: [kind]}. A span is found if every byte
// of it is covered by what was redacted; a redacted range of a kind in scope that touches no span
// of its row is a false positive.

#include "dalsegno/try.h"
#include "storage/vault/detector.h"
#include "tests/corpus/kind.h"
#include "tests/corpus/rows.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace dalsegno::corpus {
namespace {

struct Score {
  std::int64_t spans = 0;
  std::int64_t found = 0;
  std::int64_t false_positives = 0;
};

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string kind;
};

struct Totals {
  std::map<std::string, Score> kinds;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t outside = 0;
};

Result<std::vector<Span>> spans_of(Row const& row, std::size_t size) {
  std::vector<Span> spans;
  auto const* list = row.value.find("spans");
  if (list == nullptr || list->as_array() == nullptr)
    return Error(Errc::invalid, place_of(row) + ": \"spans\" is missing");
  for (auto const& item : *list->as_array()) {
    auto const* begin = item.find("start");
    auto const* end = item.find("end");
    if (begin == nullptr || end == nullptr || begin->as_integer() == nullptr ||
        end->as_integer() == nullptr || *begin->as_integer() < 0 ||
        *end->as_integer() < *begin->as_integer() ||
        static_cast<std::size_t>(*end->as_integer()) > size)
      return Error(Errc::invalid, place_of(row) + ": a span does not lie in the text");
    spans.push_back({static_cast<std::size_t>(*begin->as_integer()),
                     static_cast<std::size_t>(*end->as_integer()),
                     std::string(item.text("kind"))});
  }
  return spans;
}

/// Whether every byte of the span is in some range; both are sorted and disjoint.
bool covered(Span const& span, std::vector<vault::Finding> const& ranges) {
  auto at = span.begin;
  for (auto const& range : ranges)
    if (range.begin <= at && at < range.end) at = range.end;
  return at >= span.end;
}

bool touch(Span const& span, vault::Finding const& range) {
  return range.begin < span.end && span.begin < range.end;
}

std::size_t bytes_outside(vault::Finding const& range, std::vector<Span> const& spans) {
  std::size_t outside = 0;
  for (auto i = range.begin; i < range.end; ++i)
    outside +=
        std::ranges::none_of(spans, [&](Span const& s) { return s.begin <= i && i < s.end; });
  return outside;
}

/// With CORPUS_MISSES set, what was missed and what was too much goes to the error output.
void tell(Row const& row, std::string_view what, std::string_view kind, std::string_view part) {
  static bool const wanted = std::getenv("CORPUS_MISSES") != nullptr;
  if (!wanted) return;
  std::cerr << place_of(row) << ": " << what << ' ' << kind << ": " << part
            << "\n    in: " << row.value.text("text").substr(0, 200) << '\n';
}

Result<> score_row(Row const& row, Totals& totals) {
  auto const text = row.value.text("text");
  TRY(auto const spans, spans_of(row, text.size()));
  std::set<std::string> scope;
  if (auto const* list = row.value.find("scope"); list != nullptr && list->as_array() != nullptr)
    for (auto const& kind : *list->as_array())
      if (auto const* name = kind.as_string()) scope.insert(*name);
  auto const ranges = vault::find_sensitive(vault::builtin_rules(), nullptr, text);
  ++totals.rows;
  for (auto const& span : spans) {
    if (!scope.contains(span.kind)) continue;
    auto& score = totals.kinds[span.kind];
    ++score.spans;
    bool const found = covered(span, ranges);
    score.found += found ? 1 : 0;
    if (!found) tell(row, "leaks", span.kind, text.substr(span.begin, span.end - span.begin));
  }
  for (auto const& range : ranges) {
    totals.bytes += static_cast<std::int64_t>(range.end - range.begin);
    totals.outside += static_cast<std::int64_t>(bytes_outside(range, spans));
    if (!scope.contains(range.category)) continue;
    bool const touches = std::ranges::any_of(spans, [&](Span const& s) { return touch(s, range); });
    totals.kinds[range.category].false_positives += touches ? 0 : 1;
    if (!touches)
      tell(row, "too much of", range.kind, text.substr(range.begin, range.end - range.begin));
  }
  return {};
}

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json shown(Score const& score) {
  return Json()
      .set("recall", share(score.found, score.spans))
      .set("precision", share(score.found, score.found + score.false_positives))
      .set("spans", score.spans)
      .set("false_positives", score.false_positives);
}

Result<Json> score(std::filesystem::path const& path) {
  Totals totals;
  TRY_VOID(for_each_row(path, [&](Row const& row) { return score_row(row, totals); }));
  Json kinds = Json::Object{};
  Score national;
  for (auto const& [kind, one] : totals.kinds) {
    kinds.set(kind, shown(one));
    if (!kind.starts_with("national_id:")) continue;
    national.spans += one.spans;
    national.found += one.found;
    national.false_positives += one.false_positives;
  }
  if (national.spans > 0) kinds.set("national_id", shown(national));
  return Json()
      .set("kinds", std::move(kinds))
      .set("rows", totals.rows)
      .set("redacted_bytes", totals.bytes)
      .set("redacted_bytes_outside_spans", totals.outside)
      .set("rules", vault::builtin_rules().version);
}

}  // namespace

Kind redaction() {
  return {.name = "redaction",
          .about = "secrets and personal data: {kinds: {KIND: {recall, precision, spans}}, rows}",
          .score = &score};
}

}  // namespace dalsegno::corpus
