#include "dalsegno/agent.h"

#include "dalsegno/errors.h"
#include "storage/event/digest.h"

#include <utility>

namespace dalsegno::agent {

namespace {

/// A message joins the conversation; the model is given it with the next call.
void say(AgentState& state, Message message) {
  auto const digest = storage::sha256({state.prompt.digest, to_json(message)});
  state.prompt.digest = storage::to_hex(digest);
  ++state.prompt.messages;
  state.unsent.push_back(std::move(message));
}

/// One tool call; what went wrong with it is an answer too.
struct ToolOutcome {
  Message message;
  bool ends_session = false;
};

Workflow<ToolOutcome> call_tool(Context& ctx,
                                ToolCall call,
                                std::uint64_t message,
                                std::uint64_t index) {
  ToolOutcome outcome;
  outcome.message.role = "tool";
  outcome.message.tool_call_id = call.id;
  outcome.message.name = call.name;
  try {
    auto reply = co_await ctx.tool<ToolReply>(call.name,
                                              ToolRequest{call.id, call.arguments, message, index});
    outcome.message.content = std::move(reply.content);
    outcome.ends_session = reply.ends_session;
  } catch (ApprovalDenied const& denial) {
    outcome.message.content =
        to_json(Denial{.error = "not approved", .reason = denial.what(), .rules = denial.rules()});
  } catch (PolicyDenied const& denial) {
    outcome.message.content = to_json(Denial{.reason = denial.what(), .rules = denial.rules()});
  } catch (ActivityFailed const& failure) {
    Json error;
    error.set("error", failure.type()).set("message", failure.what());
    outcome.message.content = to_string(error);
  }
  co_return outcome;
}

/// All tool calls of one message, side by side; their answers join the conversation in the order of
/// the calls. Returns the tool that took over, or "".
Workflow<std::string> call_tools(Context& ctx,
                                 AgentState& state,
                                 std::vector<ToolCall> calls,
                                 std::uint64_t message) {
  std::vector<Spawned<ToolOutcome>> running;
  running.reserve(calls.size());
  for (std::uint64_t i = 0; i < calls.size(); ++i)
    running.push_back(ctx.spawn(call_tool(ctx, calls[i], message, i)));
  auto outcomes = co_await ctx.all(std::move(running));
  std::string took_over;
  for (auto& outcome : outcomes) {
    if (outcome.ends_session && took_over.empty()) took_over = *outcome.message.name;
    say(state, std::move(outcome.message));
  }
  co_return took_over;
}

/// Everything from a client's turn to its answer. Returns the tool that took over, or "".
Workflow<std::string> take_turn(Context& ctx, AgentState& state, Sequence turn) {
  for (std::uint32_t calls = 0;; ++calls) {
    if (calls == state.max_calls_per_turn) {
      throw Failure("too_many_calls",
                    "one turn took " + std::to_string(calls) + " model calls without an answer");
    }
    ModelRequest const request{state.prompt, std::exchange(state.unsent, {})};
    auto reply = co_await ctx.model<ModelReply>(state.model, request);
    auto const source = ctx.last_operation();
    Message message;
    message.role = "assistant";
    message.content = reply.content;
    message.tool_calls = reply.tool_calls;
    say(state, std::move(message));
    state.unsent.clear();  // the model knows what it said itself
    if (reply.tool_calls.empty()) {
      ctx.answer(turn, source, reply.content.value_or(""));
      ++state.answers;
      co_return "";
    }
    auto const place = state.prompt.messages - 1;
    auto took_over = co_await call_tools(ctx, state, std::move(reply.tool_calls), place);
    if (!took_over.empty()) co_return took_over;
  }
}

}  // namespace

Workflow<AgentResult> run_agent(Context& ctx, AgentState state) {
  auto const every = state.checkpoint_every;
  for (;;) {
    if (every > 0 && state.turns % every == 0) co_await ctx.checkpoint(state);
    if (state.prompt.messages == 0 && state.system) {
      say(state,
          {.role = "system",
           .content = state.system,
           .tool_calls = {},
           .tool_call_id = {},
           .name = {}});
    }
    auto [sequence, turn] = co_await ctx.receive_with_sequence<Turn>("turn");
    ++state.turns;
    if (turn.last) co_return AgentResult{state.turns, state.answers, "client"};
    say(state,
        {.role = "user",
         .content = turn.content,
         .tool_calls = {},
         .tool_call_id = {},
         .name = {}});
    auto const took_over = co_await take_turn(ctx, state, sequence);
    if (!took_over.empty()) co_return AgentResult{state.turns, state.answers, took_over};
  }
}

Workflow<std::uint64_t> run_inbox(Context& ctx, std::uint64_t received) {
  constexpr std::uint64_t checkpoint_every = 1'000;
  for (;;) {
    if (received % checkpoint_every == 0) co_await ctx.checkpoint(received);
    static_cast<void>(co_await ctx.receive<Json>("*"));
    ++received;
  }
}

std::vector<WorkflowDefinition> builtin_workflows() {
  return {define_workflow("agent", run_agent), define_workflow("inbox", run_inbox)};
}

}  // namespace dalsegno::agent
