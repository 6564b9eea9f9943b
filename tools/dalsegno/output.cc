#include "tools/dalsegno/output.h"

#include "tools/dalsegno/printable.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace dalsegno::command {

namespace {

std::string_view code_of(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::bold:
      return "\x1b[1m";
    case Style::faint:
      return "\x1b[2m";
    case Style::good:
      return "\x1b[32m";
    case Style::bad:
      return "\x1b[31m";
    case Style::warning:
      return "\x1b[33m";
  }
  return "";
}

/// Characters, not bytes. What takes two columns counts once: good enough for names.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded_line(std::vector<std::string> const& cells,
                        std::vector<std::size_t> const& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 < cells.size()) line.append(widths[i] - width_of(cells[i]) + 2, ' ');
  }
  return line;
}

std::string tabbed_line(std::vector<std::string> const& cells) {
  std::string line;
  for (auto const& cell : cells) line += (line.empty() ? "" : "\t") + cell;
  return line;
}

}  // namespace

std::string styled(Globals const& globals, Style style, std::string_view text) {
  if (!globals.color || style == Style::plain) return std::string(text);
  return std::string(code_of(style)) + std::string(text) + "\x1b[0m";
}

void print(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

void print_json(std::string_view schema, Json object) {
  Json whole;
  whole.set("schema", schema).set("v", 1);
  if (auto* const members = object.as_object())
    for (auto& member : *members) whole.set(member.name, std::move(member.value));
  print(json_line(std::move(whole)));
}

std::string when(Globals const& globals, Time time) {
  if (!globals.terminal || time > globals.now) return to_string(time);
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(globals.now - time).count();
  struct Unit {
    std::int64_t seconds;
    std::string_view name;
  };
  constexpr std::array<Unit, 4> units = {{{86'400, " d"}, {3'600, " h"}, {60, " min"}, {1, " s"}}};
  for (auto const& unit : units)
    if (seconds >= unit.seconds)
      return std::to_string(seconds / unit.seconds) + std::string(unit.name) + " ago";
  return "now";
}

void Table::add(std::vector<std::string> cells, Style style) {
  rows_.push_back({std::move(cells), style});
}

void Table::print(Globals const& globals) const {
  if (!globals.terminal) {
    for (auto const& row : rows_) command::print(tabbed_line(row.cells));
    return;
  }
  std::vector<std::size_t> widths(titles_.size());
  for (std::size_t i = 0; i < titles_.size(); ++i) {
    widths[i] = width_of(titles_[i]);
    for (auto const& row : rows_) widths[i] = std::max(widths[i], width_of(row.cells[i]));
  }
  command::print(styled(globals, Style::faint, padded_line(titles_, widths)));
  for (auto const& row : rows_)
    command::print(styled(globals, row.style, padded_line(row.cells, widths)));
}

}  // namespace dalsegno::command
