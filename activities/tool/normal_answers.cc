#include "activities/tool/normalize.h"
#include "dalsegno/tool_answers.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::tool {
namespace {

/// The reply of a tool, with its content in the normal form.
void normalize(ActivityReply& reply, AnswerOptions const& options) {
  auto answer = parse_json(reply.payload);
  if (!answer) return;
  auto const* const content = answer->find("content");
  auto const* const raw = content == nullptr ? nullptr : content->as_string();
  if (raw == nullptr) return;
  auto normal = activities::normalize_answer(*raw, reply.is_error, options);
  Json about;
  about.set("rules", activities::answer_rules)
      .set("raw_bytes", std::uint64_t{raw->size()})
      .set("bytes", std::uint64_t{normal.text.size()});
  if (normal.text != *raw) answer->set("raw", std::string(*raw));
  answer->set("content", std::move(normal.text)).set("normal_form", std::move(about));
  reply.payload = canonical(*answer);
}

}  // namespace

ActivityHandler with_normal_answers(ActivityHandler handler, AnswerOptions options) {
  return [handler = std::move(handler), options = std::move(options)](
             ActivityContext const& context, std::string_view input) {
    auto reply = handler(context, input);
    normalize(reply, options);
    return reply;
  };
}

}  // namespace dalsegno::tool
