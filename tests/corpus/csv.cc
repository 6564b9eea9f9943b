#include "tests/corpus/csv.h"

#include "dalsegno/try.h"

#include <algorithm>
#include <cstddef>

namespace dalsegno::corpus {
namespace {

Error at_line(std::string_view text, std::size_t offset, std::string_view what) {
  auto const line = 1 + std::ranges::count(text.substr(0, offset), '\n');
  return {Errc::invalid, "line " + std::to_string(line) + ": " + std::string(what)};
}

/// Reads the field that begins at `at` and moves behind it.
Result<std::string> read_field(std::string_view text, std::size_t& at) {
  std::string field;
  auto const start = at;
  if (at == text.size() || text[at] != '"') {
    at = std::min(text.find_first_of(",\r\n", at), text.size());
    return std::string(text.substr(start, at - start));
  }
  for (++at;; ++at) {
    auto const quote = text.find('"', at);
    if (quote == std::string_view::npos) return at_line(text, start, "a quoted field does not end");
    field += text.substr(at, quote - at);
    at = quote + 1;
    if (at == text.size() || text[at] != '"') break;
    field += '"';
  }
  if (at < text.size() && text[at] != ',' && text[at] != '\r' && text[at] != '\n')
    return at_line(text, at, "a field goes on after its closing quote");
  return field;
}

}  // namespace

Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> records;
  for (std::size_t at = 0; at < text.size();) {
    auto& record = records.emplace_back();
    for (;;) {
      TRY(auto field, read_field(text, at));
      record.push_back(std::move(field));
      if (at == text.size() || text[at] != ',') break;
      ++at;
    }
    if (text.substr(at).starts_with("\r\n")) ++at;
    if (at < text.size()) ++at;
  }
  return records;
}

}  // namespace dalsegno::corpus
