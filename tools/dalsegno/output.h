#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "tools/dalsegno/globals.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::command {

enum class Style : std::uint8_t { plain, bold, faint, good, bad, warning };

/// `text` in that style where colours are shown, else as it is.
[[nodiscard]] std::string styled(Globals const& globals, Style style, std::string_view text);

/// A line on stdout.
void print(std::string_view line);
/// The object as a line of JSON on stdout, led by "schema" and "v".
void print_json(std::string_view schema, Json object);

/// "3 min ago" on a terminal, else UTC as RFC 3339.
[[nodiscard]] std::string when(Globals const& globals, Time time);

/// Rows in columns as wide as their widest cell; the last column ends where it ends.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}
  void add(std::vector<std::string> cells, Style style = Style::plain);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// With titles on a terminal; elsewhere the rows alone, their cells apart by tabs.
  void print(Globals const& globals) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style = Style::plain;
  };
  std::vector<std::string> titles_;
  std::vector<Row> rows_;
};

}  // namespace dalsegno::command
