#include "tools/dalsegno/send_line.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/policy/problems.h"

#include <algorithm>
#include <array>
#include <utility>

namespace dalsegno::command {
namespace {

constexpr std::array<std::string_view, 5> fields = {"session", "key", "signal", "payload", "input"};

Error problem(std::string what) { return {.code = Errc::invalid, .detail = std::move(what)}; }

Result<std::string> text_field(Json const& line, std::string_view name) {
  auto const* const value = line.find(name);
  if (value == nullptr) return std::string();
  if (auto const* const text = value->as_string()) return *text;
  return problem(engine::quoted(name) + " must be a string, not of kind " +
                 std::string(value->kind()));
}

}  // namespace

Result<SendLine> read_send_line(std::string_view text) {
  auto const line = parse_json(text);
  if (!line) {
    auto const [place, what] = engine::placed(line.error());
    return problem("column " + std::to_string(place.column) + ": " + what);
  }
  auto const* const members = line->as_object();
  if (members == nullptr)
    return problem("must be an object, not of kind " + std::string(line->kind()));
  for (auto const& member : *members) {
    if (std::ranges::find(fields, member.name) == fields.end()) {
      return problem("unknown field " + engine::quoted(member.name) +
                     engine::suggestion(member.name, fields));
    }
  }
  SendLine read;
  TRY(read.session, text_field(*line, "session"));
  TRY(read.key, text_field(*line, "key"));
  TRY(read.signal, text_field(*line, "signal"));
  if (read.session.empty()) return problem("\"session\" is missing");
  if (read.signal.empty()) return problem("\"signal\" is missing");
  auto const* const payload = line->find("payload");
  read.payload = payload == nullptr ? "null" : canonical(*payload);
  if (auto const* const input = line->find("input")) read.input = canonical(*input);
  return read;
}

}  // namespace dalsegno::command
