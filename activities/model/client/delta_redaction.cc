#include "activities/model/client/delta_redaction.h"

namespace dalsegno::activities {

void DeltaRedaction::take(AnswerDelta delta) {
  auto const lane = Lane(delta.kind, delta.tool_call);
  auto found = texts_.find(lane);
  if (found == texts_.end())
    found = texts_.emplace(lane, Text{vault::StreamRedactor(redactor_), {}}).first;
  if (!delta.tool.empty()) found->second.tool = delta.tool;
  delta.text = found->second.redactor.feed(delta.text);
  if (!delta.text.empty()) sink_(std::move(delta));
}

void DeltaRedaction::finish() {
  for (auto& [lane, text] : texts_) {
    auto rest = text.redactor.finish();
    if (!rest.empty())
      sink_({.kind = lane.first,
             .tool_call = lane.second,
             .tool = text.tool,
             .text = std::move(rest)});
  }
  texts_.clear();
}

}  // namespace dalsegno::activities
