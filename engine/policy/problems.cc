#include "engine/policy/problems.h"

#include "engine/policy/nearest.h"

#include <charconv>
#include <optional>
#include <system_error>

namespace dalsegno::engine {

void Problems::note(JsonPlace place, std::string what) {
  noted_.emplace(std::pair(place.line, place.column), std::move(what));
}

Error Problems::error(std::string_view file) const {
  std::size_t constexpr most = 20;
  std::string detail;
  std::size_t shown = 0;
  for (auto const& [place, what] : noted_) {
    if (shown == most) {
      detail += "\n(and " + std::to_string(noted_.size() - most) + " more)";
      break;
    }
    if (shown++ > 0) detail += '\n';
    detail.append(file).append(":").append(std::to_string(place.first));
    detail.append(":").append(std::to_string(place.second)).append(": ").append(what);
  }
  return {.code = Errc::invalid, .detail = std::move(detail)};
}

std::pair<JsonPlace, std::string> placed(Error const& of_parser) {
  std::string_view rest = of_parser.detail;
  auto const number_after = [&](std::string_view prefix) -> std::optional<std::size_t> {
    if (!rest.starts_with(prefix)) return std::nullopt;
    rest.remove_prefix(prefix.size());
    std::size_t number = 0;
    auto const [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (code != std::errc{}) return std::nullopt;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return number;
  };
  auto const line = number_after("line ");
  auto const column = line ? number_after(", column ") : std::nullopt;
  if (!column || !rest.starts_with(": ")) return {JsonPlace{}, of_parser.detail};
  return {JsonPlace{.line = *line, .column = *column}, std::string(rest.substr(2))};
}

std::string quoted(std::string_view text) {
  std::size_t constexpr shown = 80;
  std::string out;
  if (text.size() <= shown) {
    append_quoted(out, text);
    return out;
  }
  auto end = shown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  append_quoted(out, text.substr(0, end));
  return out + "...";
}

std::string suggestion(std::string_view word, std::span<std::string_view const> known) {
  if (auto const meant = nearest(word, known)) return "; did you mean " + quoted(*meant) + "?";
  std::string out = "; known are ";
  for (auto const name : known) {
    if (name != known.front()) out += ", ";
    out += name;
  }
  return out;
}

}  // namespace dalsegno::engine
