#pragma once

// The built-in agent workflow and what it exchanges with models, tools and clients.

#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/workflow.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::agent {

/// A tool call as a model asks for it.
struct ToolCall {
  std::string id;  ///< the model's own; may repeat across a conversation
  std::string name;
  Json arguments;
};
BOOST_DESCRIBE_STRUCT(ToolCall, (), (id, name, arguments))

/// One message of a conversation. Roles: "system", "user", "assistant", "tool".
struct Message {
  std::string role;
  std::optional<std::string> content;
  std::vector<ToolCall> tool_calls;
  std::optional<std::string> tool_call_id;
  std::optional<std::string> name;
};
BOOST_DESCRIBE_STRUCT(Message, (), (role, content, tool_calls, tool_call_id, name))

/// The conversation as a model sees it: how many messages it has, and a digest chained over them,
/// SHA-256(digest before ‖ canonical JSON of the message), in hexadecimal; "" before the first.
struct Prompt {
  std::uint64_t messages = 0;
  std::string digest;
};
BOOST_DESCRIBE_STRUCT(Prompt, (), (messages, digest))

/// What a model is asked: the conversation so far, of which only what is new since the last call
/// stands here; all else is in the log already, and `prompt` proves which messages are meant.
struct ModelRequest {
  Prompt prompt;  ///< after `append`
  std::vector<Message> append;
};
BOOST_DESCRIBE_STRUCT(ModelRequest, (), (prompt, append))

struct ModelReply {
  std::optional<std::string> content;
  std::vector<ToolCall> tool_calls;
};
BOOST_DESCRIBE_STRUCT(ModelReply, (), (content, tool_calls))

/// What a tool is asked. `message` and `call` say which call of the conversation this is (both
/// count from 0).
struct ToolRequest {
  std::string id;
  Json arguments;
  std::uint64_t message = 0;
  std::uint64_t call = 0;
};
BOOST_DESCRIBE_STRUCT(ToolRequest, (), (id, arguments, message, call))

struct ToolReply {
  std::string content;
  bool ends_session = false;  ///< the conversation is over: it was handed to somebody else
};
BOOST_DESCRIBE_STRUCT(ToolReply, (), (content, ends_session))

/// A client's turn: the signal "turn".
struct Turn {
  std::string content;
  bool last = false;  ///< the conversation ends with it; no answer is given
};
BOOST_DESCRIBE_STRUCT(Turn, (), (content, last))

/// What the workflow "agent" is started with, and its state at each checkpoint.
struct AgentState {
  std::string model = "default";
  std::optional<std::string> system;      ///< the system message; said once, before the first turn
  std::uint32_t checkpoint_every = 4;     ///< turns; 0: never
  std::uint32_t max_calls_per_turn = 64;  ///< model calls; one more fails the session
  std::uint64_t turns = 0;
  std::uint64_t answers = 0;
  Prompt prompt;
  std::vector<Message> unsent;  ///< in the conversation, but the model has not been given it yet
};
BOOST_DESCRIBE_STRUCT(
    AgentState,
    (),
    (model, system, checkpoint_every, max_calls_per_turn, turns, answers, prompt, unsent))

struct AgentResult {
  std::uint64_t turns = 0;
  std::uint64_t answers = 0;
  std::string ended_by;  ///< "client" or the tool that took over
};
BOOST_DESCRIBE_STRUCT(AgentResult, (), (turns, answers, ended_by))

/// What a denied tool call looks like to the model: a tool message with this content, as JSON.
/// Where people denied it, or did not approve it in time, the error is "not approved".
struct Denial {
  std::string error = "denied by policy";
  std::string reason;
  std::vector<std::string> rules;
};
BOOST_DESCRIBE_STRUCT(Denial, (), (error, reason, rules))

/// Takes turns (signal "turn"): model call → permitted tool calls → … → answer. A denied tool call
/// goes back to the model as a denial; a failed one as an error. Checkpoints its state every
/// `checkpoint_every` turns. Ends with the last turn, or when a tool takes over.
Workflow<AgentResult> run_agent(Context& ctx, AgentState state);

/// Keeps what it receives: takes every signal, whatever its name, and counts. It lies open until
/// somebody ends it.
Workflow<std::uint64_t> run_inbox(Context& ctx, std::uint64_t received);

/// "agent" and "inbox".
[[nodiscard]] std::vector<WorkflowDefinition> builtin_workflows();

}  // namespace dalsegno::agent
