#include "activities/tool/tool_answer.h"

#include "storage/event/digest.h"
#include "storage/event/json_text.h"

#include <cstdint>
#include <string_view>
#include <utility>

namespace dalsegno::tools {
namespace {

/// What stands for bytes that no model reads as text.
std::string described(std::string_view type, Json const& block, std::string_view base64) {
  auto const padding = base64.ends_with("==") ? 2U : base64.ends_with('=') ? 1U : 0U;
  std::size_t const bytes = base64.size() / 4 * 3;
  Json out;
  out.set("type", type);
  if (auto const mime = block.text("mimeType"); !mime.empty()) out.set("mimeType", mime);
  if (auto const uri = block.text("uri"); !uri.empty()) out.set("uri", uri);
  out.set("bytes", std::uint64_t{bytes - (bytes < padding ? bytes : padding)});
  out.set("sha256_of_base64", storage::to_hex(storage::sha256({base64})));
  return canonical(out);
}

std::string text_of(Json const& block) {
  auto const type = block.text("type");
  if (type == "text") return std::string(block.text("text"));
  if (type == "image" || type == "audio") return described(type, block, block.text("data"));
  if (auto const* const resource = block.find("resource");
      type == "resource" && resource != nullptr)
    return resource->find("text") != nullptr ? std::string(resource->text("text"))
                                             : described(type, *resource, resource->text("blob"));
  return canonical(block);
}

}  // namespace

void cut_content(std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return;
  auto const whole = text.size();
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) --end;
  text.resize(end);
  text += "\n[cut off: " + std::to_string(end) + " of " + std::to_string(whole) + " bytes]";
}

std::optional<ToolAnswer> read_answer(Json const& result, std::size_t max_bytes) {
  ToolAnswer answer;
  auto const* const structured = result.find("structuredContent");
  auto const* const content = result.find("content");
  if (structured == nullptr && (content == nullptr || content->as_array() == nullptr))
    return std::nullopt;
  auto const* const is_error = result.find("isError");
  answer.is_error = is_error != nullptr && is_error->as_bool() != nullptr && *is_error->as_bool();
  // What went wrong is told in words.
  if (structured != nullptr &&
      !(answer.is_error && content != nullptr && content->as_array() != nullptr)) {
    answer.content = canonical(*structured);
  } else {
    bool is_first = true;
    for (auto const& block : *content->as_array()) {
      if (!std::exchange(is_first, false)) answer.content += '\n';
      answer.content += text_of(block);
    }
  }
  cut_content(answer.content, max_bytes);
  return answer;
}

}  // namespace dalsegno::tools
