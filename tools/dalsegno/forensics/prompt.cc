#include "tools/dalsegno/forensics/prompt.h"

#include "activities/model/client/conversation_log.h"
#include "dalsegno/agent.h"
#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"

#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

storage::OperationRequested const* model_request_of(PlacedEvent const& placed) {
  auto const* const requested = std::get_if<storage::OperationRequested>(&placed.event.body);
  return requested != nullptr && requested->kind == storage::OperationKind::model ? requested
                                                                                  : nullptr;
}

Error no_model_call(History const& history, Sequence sequence) {
  auto const* const placed = history.at(sequence);
  auto detail = to_string(history.session) + ": " +
                (placed == nullptr
                     ? "there is no event " + std::to_string(sequence)
                     : "event " + std::to_string(sequence) + " is " +
                           std::string(storage::name_of(placed->event.body)) + " of no model call");
  std::string known;
  constexpr int shown = 8;
  int count = 0;
  for (auto const& event : history.events) {
    if (model_request_of(event) == nullptr) continue;
    if (++count <= shown)
      known += (known.empty() ? "" : ", ") + std::to_string(event.event.sequence);
  }
  if (count > shown) known += " …";
  detail += count == 0 ? "; this run called no model" : "; models were called at " + known;
  return {Errc::invalid, detail};
}

/// The request of the model call that the event at `sequence` belongs to.
PlacedEvent const* find_request(History const& history, Sequence sequence) {
  auto const* const named = history.at(sequence);
  if (named == nullptr || named->event.operation == OperationId::none) return nullptr;
  for (auto const& placed : history.events)
    if (placed.event.operation == named->event.operation && model_request_of(placed) != nullptr)
      return &placed;
  return nullptr;
}

std::vector<std::string> revealed_by(History const& history, OperationId operation) {
  std::vector<std::string> rules;
  for (auto const& placed : history.events) {
    auto const* const decided = std::get_if<storage::PolicyDecided>(&placed.event.body);
    if (decided == nullptr || placed.event.operation != operation) continue;
    rules.clear();  // the newest attempt's decision counts
    for (auto const& obligation : decided->obligations)
      if (obligation.kind == "reveal") rules.push_back(obligation.rule);
  }
  return rules;
}

/// As the workflow chained them.
Result<> check_digest(RebuiltPrompt const& prompt) {
  if (prompt.digest.empty()) return {};
  std::string digest;
  for (auto const& said : prompt.messages) digest = activities::chain_message(digest, said.message);
  if (digest == prompt.digest) return {};
  return Error{Errc::corrupt,
               "the messages chain to the digest " + digest + ", the request at " +
                   std::to_string(prompt.requested) + " names " + prompt.digest};
}

}  // namespace

Result<RebuiltPrompt> rebuild_prompt(storage::EventLog const& log,
                                     History const& history,
                                     Sequence sequence) {
  auto const* const placed = find_request(history, sequence);
  if (placed == nullptr) return no_model_call(history, sequence);
  auto const about = to_string(history.session) + ", the model call requested at " +
                     std::to_string(placed->event.sequence) + ": ";
  auto const& requested = *model_request_of(*placed);
  RebuiltPrompt prompt;
  prompt.operation = placed->event.operation;
  prompt.requested = placed->event.sequence;
  prompt.model = requested.name;
  prompt.revealed_by = revealed_by(history, prompt.operation);

  auto const damaged = [&](Error const& error) {
    bool const is_gone = error.code == Errc::not_found;  // what the log named, and does not have
    return Error{is_gone ? Errc::corrupt : error.code, about + error.detail};
  };
  auto const input = bytes_of(log, history.session, requested.input);
  if (!input)
    return damaged({input.error().code, "the messages it brings: " + input.error().detail});
  auto const request = from_json<agent::ModelRequest>(*input);
  if (!request)
    return Error{Errc::invalid,
                 about +
                     "what was asked is no agent::ModelRequest, so there is no prompt to be "
                     "built: " +
                     request.error().detail};
  prompt.digest = request->prompt.digest;
  activities::ConversationLog conversations(log);
  auto found = conversations.prompt(history.session, history.run, prompt.operation, *request);
  if (!found) return damaged(found.error());
  prompt.messages = std::move(found->messages);
  if (auto const agrees = check_digest(prompt); !agrees) return damaged(agrees.error());
  return prompt;
}

std::string messages_json(std::vector<activities::PromptMessage> const& messages) {
  std::string text = "[";
  for (auto const& [message, reasoning] : messages) {
    if (text.size() > 1) text += ',';
    auto bytes = to_json(message);
    if (!reasoning.empty()) {
      auto whole = *parse_json(bytes);
      whole.set("reasoning_blocks", reasoning);
      bytes = canonical(whole);
    }
    text += bytes;
  }
  return text + ']';
}

}  // namespace dalsegno::forensics
