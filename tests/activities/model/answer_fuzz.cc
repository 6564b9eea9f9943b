// Any bytes as a model's answer, whole or streamed, in both dialects: an answer that can be written
// into the next prompt, or a fault that says why.

#include "activities/model/chat_dialect.h"
#include "activities/model/messages_dialect.h"
#include "activities/model/sse.h"
#include "dalsegno/payload.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace {

using namespace dalsegno;
using namespace dalsegno::activities;

void check(OrFault<ModelAnswer> const& answer) {
  if (!answer) {
    assert(!answer.error().type.empty() && !answer.error().message.empty());
    return;
  }
  PromptMessage said;
  said.message.role = "assistant";
  said.message.content = answer->content;
  said.message.tool_calls = answer->tool_calls;
  said.reasoning = answer->reasoning_blocks;
  ModelCall call;
  call.messages.push_back(said);
  assert(parse_json(write_chat_request(call, {})));
  assert(parse_json(write_messages_request(call, {})));
}

void stream(std::unique_ptr<AnswerStream> reader, std::string_view bytes) {
  SseParser parser;
  bool fine = true;
  auto const fed = parser.feed(bytes, [&](SseEvent const& event) {
    if (!fine) return;
    auto const taken =
        reader->take(event, [](AnswerDelta const& delta) { assert(!delta.text.empty()); });
    fine = taken.has_value();
    if (!fine) assert(!taken.error().type.empty());
  });
  if (fine && fed) check(reader->finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  check(read_chat_answer(bytes));
  check(read_messages_answer(bytes));
  stream(read_chat_stream(), bytes);
  stream(read_messages_stream(), bytes);
  auto const fault = fault_of_status(429, {{"retry-after", bytes}}, bytes, Time{});
  assert(!fault.type.empty());
  return 0;
}
