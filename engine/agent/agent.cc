#include "dalsegno/agent.h"

#include "dalsegno/errors.h"
#include "engine/agent/context.h"
#include "storage/event/digest.h"

#include <string_view>
#include <utility>

namespace dalsegno::agent {

namespace {

/// A message joins the conversation; the model is given it with the next call.
void say(AgentState& state, Message message) {
  auto const digest = storage::sha256({state.prompt.digest, to_json(message)});
  state.prompt.digest = storage::to_hex(digest);
  ++state.prompt.messages;
  if (state.context) state.context->bytes += bytes_of(message);
  state.unsent.push_back(std::move(message));
}

Message text_message(std::string role, std::string content) {
  return {.role = std::move(role),
          .content = std::move(content),
          .tool_calls = {},
          .tool_call_id = {},
          .name = {}};
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

/// Everything from a client's turn to its answer; `said` is given what was said in it. Returns the
/// tool that took over, or "".
Workflow<std::string> take_turn(Context& ctx,
                                AgentState& state,
                                Sequence turn,
                                std::vector<Message>& said) {
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
    said.push_back(message);
    say(state, std::move(message));
    state.unsent.clear();  // the model knows what it said itself
    if (reply.tool_calls.empty()) {
      ctx.answer(turn, source, reply.content.value_or(""));
      ++state.answers;
      co_return "";
    }
    auto const place = state.prompt.messages - 1;
    auto took_over = co_await call_tools(ctx, state, std::move(reply.tool_calls), place);
    said.insert(said.end(), state.unsent.begin(), state.unsent.end());
    if (!took_over.empty()) co_return took_over;
  }
}

/// What a summarizer made of the conversation, or why it made nothing.
struct Summarized {
  std::string text;
  std::string why_not;
  OperationId operation = OperationId::none;
};

/// Asks for a summary behind the conversation as it is, so that its prefix is still warm. The
/// conversation itself does not take notice.
Workflow<Summarized> ask_for_summary(Context& ctx, AgentState const& state) {
  auto const& named = state.context->options.summarizer;
  AgentState asking;
  asking.prompt = state.prompt;
  asking.unsent = state.unsent;
  say(asking, text_message("user", std::string(summary_instruction())));
  Summarized made;
  try {
    auto const reply = co_await ctx.model<ModelReply>(named.empty() ? state.model : named,
                                                      ModelRequest{asking.prompt, asking.unsent});
    made.operation = ctx.last_operation();
    made.text = reply.content.value_or("");
    if (made.text.empty()) made.why_not = "it answered nothing";
  } catch (ApprovalDenied const& denial) {
    made.why_not = std::string("not approved: ") + denial.what();
  } catch (PolicyDenied const& denial) {
    made.why_not = std::string("denied by policy: ") + denial.what();
  } catch (ActivityFailed const& failure) {
    made.why_not = failure.type() + ": " + failure.what();
  }
  co_return made;
}

/// The old turns give way to a summary: a new conversation begins, with its own prefix. What it
/// stands for is recorded before anything is asked with it; the originals stay in the log.
Workflow<void> checkpoint_context(Context& ctx, AgentState& state) {
  auto& context = *state.context;
  ContextCheckpoint done;
  done.first_turn = 1;
  done.last_turn = state.turns;
  done.before = state.prompt;
  done.bytes_before = context.bytes;
  auto made = co_await ask_for_summary(ctx, state);
  done.operation = static_cast<std::uint64_t>(made.operation);
  done.why_structure = made.why_not;
  done.made_by = made.why_not.empty() ? "model" : "structure";
  if (!made.why_not.empty()) made.text = structural_summary(context);
  context.summary = cut_summary(std::move(made.text), context.options);
  done.summary_bytes = context.summary.size();
  done.summary_digest = storage::to_hex(storage::sha256({context.summary}));

  state.prompt = {};
  state.unsent.clear();
  context.bytes = 0;
  for (auto& message : compose_context(context, state.system, context.summary))
    say(state, std::move(message));
  context.summarized = state.turns;
  ++context.checkpoints;
  done.after = state.prompt;
  done.bytes_after = context.bytes;
  ctx.record("context_checkpoint", [&done] { return done; });
}

}  // namespace

Workflow<AgentResult> run_agent(Context& ctx, AgentState state) {
  auto const every = state.checkpoint_every;
  for (;;) {
    if (every > 0 && state.turns % every == 0) co_await ctx.checkpoint(state);
    if (state.prompt.messages == 0 && state.system)
      say(state, text_message("system", *state.system));
    auto [sequence, turn] = co_await ctx.receive_with_sequence<Turn>("turn");
    ++state.turns;
    if (turn.last) co_return AgentResult{state.turns, state.answers, "client"};
    std::vector<Message> said{text_message("user", turn.content)};
    say(state, said.front());
    auto const took_over = co_await take_turn(ctx, state, sequence, said);
    if (!took_over.empty()) co_return AgentResult{state.turns, state.answers, took_over};
    if (!state.context) continue;
    note_turn(*state.context, state.turns, sequence, std::move(said));
    if (is_summary_due(*state.context, state.system)) co_await checkpoint_context(ctx, state);
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
