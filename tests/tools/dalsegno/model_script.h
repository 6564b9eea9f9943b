#pragma once

// What an agent and its model say to each other, as events of a SessionScript.

#include "activities/model/client/conversation_log.h"
#include "dalsegno/agent.h"
#include "dalsegno/payload.h"
#include "tests/tools/dalsegno/session_script.h"

#include <string>
#include <utility>
#include <vector>

namespace dalsegno::forensics::test {

inline agent::Message message(std::string role, std::string content) {
  agent::Message said;
  said.role = std::move(role);
  said.content = std::move(content);
  return said;
}

/// The conversation of one session, chained as the agent workflow does it.
class ModelScript {
 public:
  explicit ModelScript(SessionScript const& session) : session_(session) {}

  /// The request that brings these messages, and the attempt.
  [[nodiscard]] std::vector<Said> ask(std::uint64_t operation,
                                      std::vector<agent::Message> const& messages) {
    auto const input = to_json(request(messages));
    return {request_of(operation, input), start(operation, input)};
  }
  [[nodiscard]] agent::ModelRequest request(std::vector<agent::Message> const& messages) {
    for (auto const& said : messages) chain(said);
    return {prompt_, messages};
  }
  [[nodiscard]] Said request_of(std::uint64_t operation, std::string const& input) const {
    storage::OperationRequested body;
    body.kind = storage::OperationKind::model;
    body.name = "small";
    body.input_digest = session_.digest(input);
    body.input = SessionScript::payload(input);
    return {operation, body};
  }
  [[nodiscard]] Said start(std::uint64_t operation,
                           std::string const& input,
                           std::uint32_t attempt = 1) const {
    return session_.start(operation, input, attempt);
  }

  /// The model says `content`; `call` is what is recorded of the call, a JSON object or "".
  [[nodiscard]] Said answer(std::uint64_t operation,
                            std::string const& content,
                            std::string const& call = {},
                            std::uint32_t attempt = 1) {
    auto const said = message("assistant", content);
    chain(said);
    storage::ModelCompleted body;
    body.attempt = attempt;
    body.model = "small-8b";
    std::string text = R"({"content":)" + to_json(content) + R"(,"tool_calls":[])";
    if (!call.empty()) text += R"(,"call":)" + call;
    body.result = SessionScript::payload(text + "}");
    return {operation, body};
  }
  [[nodiscard]] static Said fail(std::uint64_t operation,
                                 std::string message,
                                 std::uint32_t attempt = 1,
                                 bool retryable = true,
                                 std::string const& details = {}) {
    storage::AttemptFailed body;
    body.attempt = attempt;
    body.type = "overloaded";
    body.message = std::move(message);
    body.retryable = retryable;
    if (retryable) body.retry_at = at(1'000);
    if (!details.empty()) body.heartbeat = SessionScript::payload(details);
    body.contacts.push_back(
        {.method = "POST", .url = "http://far.example/", .host = "far.example"});
    return {operation, body};
  }

 private:
  void chain(agent::Message const& said) {
    prompt_.digest = activities::chain_message(prompt_.digest, said);
    ++prompt_.messages;
  }

  SessionScript const& session_;
  agent::Prompt prompt_;
};

}  // namespace dalsegno::forensics::test
