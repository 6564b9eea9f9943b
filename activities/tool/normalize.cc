#include "activities/tool/normalize.h"

#include "activities/tool/answer_table.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "storage/event/json_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace dalsegno::activities {
namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    auto const length = storage::utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void leave_out(Json& value, std::vector<std::string> const& names) {
  if (auto* const items = value.as_array())
    for (auto& item : *items) leave_out(item, names);
  if (auto* const members = value.as_object()) {
    std::erase_if(*members, [&](Json::Member const& member) {
      return std::ranges::find(names, member.name) != names.end();
    });
    for (auto& member : *members) leave_out(member.value, names);
  }
}

Json in_envelope(Json answer) {
  if (answer.find("error") != nullptr) return answer;
  return std::move(Json().set("error", "tool_error").set("message", std::move(answer)));
}

/// At most `size` bytes of `text`, ending with a whole character.
std::string_view beginning_of(std::string_view text, std::size_t size) {
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return text.substr(0, size);
}

NormalAnswer preview_of(NormalAnswer const& whole, std::size_t size) {
  Json preview;
  preview.set("bytes", std::uint64_t{whole.text.size()})
      .set("preview", beginning_of(whole.text, size))
      .set("sha256", storage::to_hex(storage::sha256({whole.text})));
  return {to_string(preview), NormalAnswer::Form::preview};
}

}  // namespace

NormalAnswer normalize_answer(std::string_view raw,
                              bool is_error,
                              tool::AnswerOptions const& options) {
  if (!is_utf8(raw)) return {std::string(raw), NormalAnswer::Form::text};
  NormalAnswer normal{std::string(raw), NormalAnswer::Form::text};
  auto value = parse_json(raw);
  if (!value && is_error) value = Json(raw);
  if (value) {
    leave_out(*value, options.volatile_members);
    if (is_error) *value = in_envelope(std::move(*value));
    normal = {to_string(with_tables(*value)), NormalAnswer::Form::json};
  }
  if (options.preview_beyond_bytes == 0 || normal.text.size() <= options.preview_beyond_bytes)
    return normal;
  return preview_of(normal, options.preview_beyond_bytes);
}

Result<Json> decode_answer(std::string_view normal) {
  TRY(auto const value, parse_json(normal));
  return without_tables(value);
}

}  // namespace dalsegno::activities
