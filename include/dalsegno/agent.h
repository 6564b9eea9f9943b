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

/// When a conversation's old turns give way to a summary (docs/context.md). Sizes are bytes of the
/// messages' texts and arguments.
struct ContextOptions {
  std::uint32_t every_turns = 0;  ///< if it pays by then; 0: never for that alone
  std::uint64_t max_bytes = 0;    ///< of the prompt, at the beginning of a turn; 0: no bound
  std::uint32_t keep_turns = 2;   ///< the newest, verbatim, as far as they fit
  std::string summarizer = {};    ///< the model; "": the agent's own
  double cached_share = 0.1;  ///< what input from the server's cache costs of what other input does
  double output_factor = 4;   ///< what output costs, of what input does
  std::uint32_t calls_ahead = 8;  ///< over so many more calls a summary must pay off
};
BOOST_DESCRIBE_STRUCT(
    ContextOptions,
    (),
    (every_turns, max_bytes, keep_turns, summarizer, cached_share, output_factor, calls_ahead))

/// What is kept of a turn.
struct TurnRecord {
  std::uint64_t number = 0;        ///< from 1
  Sequence event = 0;              ///< that it came in with
  std::string user;                ///< what was said, verbatim; or where it stands, if it is large
  std::vector<std::string> tools;  ///< their calls, and what became of them
  std::string answer;              ///< its beginning
  std::vector<Message> messages;   ///< all of it, of the newest turns
};
BOOST_DESCRIBE_STRUCT(TurnRecord, (), (number, event, user, tools, answer, messages))

/// The part of an agent's state that its summaries are made of.
struct ContextState {
  ContextOptions options;
  std::uint64_t bytes = 0;        ///< of the prompt
  std::uint64_t summarized = 0;   ///< turns that stand in the summary
  std::uint32_t checkpoints = 0;  ///< so far
  std::string summary;            ///< the newest; "": none
  std::vector<TurnRecord> turns;  ///< the newest, as far as they are carried
  // Those before them, which are referred to; the events that they came in with.
  std::uint64_t dropped = 0;
  Sequence dropped_from = 0;
  Sequence dropped_to = 0;
};
BOOST_DESCRIBE_STRUCT(
    ContextState,
    (),
    (options, bytes, summarized, checkpoints, summary, turns, dropped, dropped_from, dropped_to))

/// Recorded under the name "context_checkpoint" (ValueRecorded) before its summary is used: what
/// the summary stands for, and what was made of it. The digests are those of Prompt.
struct ContextCheckpoint {
  std::uint32_t version = 1;     ///< of the instruction and of the form
  std::uint64_t first_turn = 0;  ///< covered: of the whole conversation
  std::uint64_t last_turn = 0;
  Prompt before;  ///< the conversation that is covered
  Prompt after;   ///< the one that goes on from here
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::string made_by;          ///< "model" or "structure"
  std::string why_structure;    ///< what the summarizer failed with; "": it did not
  std::uint64_t operation = 0;  ///< of the summarizer's call; 0: there was none
  std::uint64_t summary_bytes = 0;
  std::string summary_digest;  ///< SHA-256 of the summary, in hexadecimal
};
BOOST_DESCRIBE_STRUCT(ContextCheckpoint,
                      (),
                      (version,
                       first_turn,
                       last_turn,
                       before,
                       after,
                       bytes_before,
                       bytes_after,
                       made_by,
                       why_structure,
                       operation,
                       summary_bytes,
                       summary_digest))

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
  /// Set: old turns give way to summaries. Left out: the conversation is kept whole.
  std::optional<ContextState> context;
};
BOOST_DESCRIBE_STRUCT(
    AgentState,
    (),
    (model, system, checkpoint_every, max_calls_per_turn, turns, answers, prompt, unsent, context))

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
