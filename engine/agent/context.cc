#include "engine/agent/context.h"

#include "dalsegno/payload.h"

#include <algorithm>
#include <utility>

namespace dalsegno::agent {
namespace {

// Without a bound on the prompt, of each part of what a checkpoint leaves.
constexpr std::uint64_t part_without_bound = 64U << 10U;
constexpr std::uint64_t summary_without_bound = 8U << 10U;
constexpr std::size_t shown_answer = 300;
constexpr std::size_t shown_user = 300;
constexpr std::uint64_t usual_summary = 2'000;

/// No part of what a checkpoint leaves is larger: system and summary, what users said, the turns
/// that are kept; a quarter is left for the next turns.
std::uint64_t part_bytes(ContextOptions const& options) {
  return options.max_bytes > 0 ? options.max_bytes / 4 : part_without_bound;
}

/// At most `limit` bytes, not within a character.
std::string beginning_of(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  auto end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end));
}

std::string shown(std::string_view text, std::size_t limit) {
  auto cut = beginning_of(text, limit);
  return cut.size() == text.size() ? cut : cut + " …";
}

/// "tool: error" when the answer is an error of ours, else the tool's name.
std::string outcome_of(Message const& answer) {
  auto const name = answer.name.value_or("");
  auto const json = parse_json(answer.content.value_or(""));
  auto const error = json ? json->text("error") : std::string_view();
  return error.empty() ? name : name + ": " + shown(error, 100);
}

/// How many of the newest turns are kept, so that they fit.
std::size_t kept_turns(ContextState const& context) {
  std::size_t kept = 0;
  std::uint64_t bytes = 0;
  auto const most = std::min<std::size_t>(context.options.keep_turns, context.turns.size());
  while (kept < most) {
    auto const& turn = context.turns[context.turns.size() - 1 - kept];
    if (turn.messages.empty()) break;
    for (auto const& message : turn.messages) bytes += bytes_of(message);
    if (bytes > part_bytes(context.options)) break;
    ++kept;
  }
  return kept;
}

/// What the user said in a turn, and which calls of it brought errors or were denied.
std::string carried_line(TurnRecord const& turn) {
  auto line = "turn " + std::to_string(turn.number) + ": " + turn.user;
  for (auto const& tool : turn.tools)
    if (tool.contains(": ")) line += " (" + tool + ")";
  return line + "\n";
}

/// What the user said in the first `turns` turns that are carried; those before are referred to.
std::string said_by_user(ContextState const& context, std::size_t turns) {
  std::string text;
  if (context.dropped > 0)
    text += "turns 1 to " + std::to_string(context.dropped) + ": not repeated, see events " +
            std::to_string(context.dropped_from) + " to " + std::to_string(context.dropped_to) +
            "\n";
  for (std::size_t i = 0; i < turns; ++i) text += carried_line(context.turns[i]);
  return text;
}

/// Of a turn's line that is larger only a reference is carried: so those of the kept turns fit.
std::uint64_t line_bytes(ContextOptions const& options) {
  return part_bytes(options) / (std::uint64_t{options.keep_turns} + 1);
}

/// Turns whose lines do not fit any more are only referred to.
void drop_old_turns(ContextState& context) {
  std::uint64_t bytes = 0;
  for (auto const& turn : context.turns) bytes += carried_line(turn).size();
  std::size_t old = 0;
  while (bytes > part_bytes(context.options) && old + 1 < context.turns.size()) {
    auto const& turn = context.turns[old++];
    bytes -= carried_line(turn).size();
    if (context.dropped == 0) context.dropped_from = turn.event;
    context.dropped = turn.number;
    context.dropped_to = turn.event;
  }
  context.turns.erase(context.turns.begin(),
                      context.turns.begin() + static_cast<std::ptrdiff_t>(old));
}

std::uint64_t bytes_of(std::vector<Message> const& messages) {
  std::uint64_t bytes = 0;
  for (auto const& message : messages) bytes += agent::bytes_of(message);
  return bytes;
}

/// About so large is the conversation after a checkpoint.
std::uint64_t bytes_left(ContextState const& context, std::optional<std::string> const& system) {
  auto const summary = std::min(usual_summary, summary_bytes(context.options));
  return bytes_of(compose_context(context, system, std::string(summary, '.')));
}

/// Whether a summary saves more over the calls ahead than it costs: its own call, which reads the
/// old prompt from the cache, and the new prefix, which lies in no cache. In bytes of input at full
/// price.
bool pays(ContextState const& context, std::optional<std::string> const& system) {
  auto const& options = context.options;
  auto const before = static_cast<double>(context.bytes);
  auto const after = static_cast<double>(bytes_left(context, system));
  auto const saved =
      (before - after) * options.cached_share * static_cast<double>(options.calls_ahead);
  auto const cost = before * options.cached_share +
                    static_cast<double>(usual_summary) * options.output_factor +
                    after * (1 - options.cached_share);
  return saved > cost;
}

}  // namespace

std::string_view summary_instruction() {
  return "Summarize this conversation for yourself: you will go on with it and see the summary in "
         "place of what was said so far. Keep facts, names, numbers, identifiers, decisions, what "
         "is still open and what must not be done. Do not address the user, call no tool, and "
         "write no more than 300 words.";
}

std::uint64_t bytes_of(Message const& message) {
  auto bytes = message.role.size() + message.content.value_or("").size() +
               message.tool_call_id.value_or("").size() + message.name.value_or("").size();
  for (auto const& call : message.tool_calls)
    bytes += call.id.size() + call.name.size() + canonical(call.arguments).size();
  return bytes;
}

bool is_summary_due(ContextState const& context, std::optional<std::string> const& system) {
  auto const& options = context.options;
  if (context.turns.empty() || context.turns.back().number <= context.summarized) return false;
  // Where the summary would leave no less, there is nothing to be had.
  if (options.max_bytes > 0 && context.bytes > options.max_bytes)
    return bytes_left(context, system) < context.bytes;
  return options.every_turns > 0 &&
         context.turns.back().number - context.summarized >= options.every_turns &&
         pays(context, system);
}

void note_turn(ContextState& context,
               std::uint64_t number,
               Sequence event,
               std::vector<Message> messages) {
  TurnRecord turn{
      .number = number, .event = event, .user = {}, .tools = {}, .answer = {}, .messages = {}};
  for (auto const& message : messages) {
    if (message.role == "user" && turn.user.empty()) turn.user = message.content.value_or("");
    if (message.role == "tool") turn.tools.push_back(outcome_of(message));
    if (message.role == "assistant")
      turn.answer = shown(message.content.value_or(""), shown_answer);
  }
  // Names of tools and their errors are as large as whoever wrote them likes.
  if (carried_line(turn).size() > line_bytes(context.options)) {
    turn.user = std::to_string(turn.user.size()) + " bytes, not repeated: see event " +
                std::to_string(event);
    turn.tools.clear();
  }
  turn.messages = std::move(messages);
  context.turns.push_back(std::move(turn));
  // Older turns stand in the log.
  auto const keep = std::size_t{context.options.keep_turns};
  if (context.turns.size() > keep) context.turns[context.turns.size() - 1 - keep].messages.clear();
  drop_old_turns(context);
}

std::string structural_summary(ContextState const& context) {
  auto text = context.summary;
  for (auto const& turn : context.turns) {
    if (turn.number <= context.summarized) continue;
    if (!text.empty()) text += "\n";
    text += "turn " + std::to_string(turn.number) + ": asked: " + shown(turn.user, shown_user);
    if (!turn.tools.empty()) {
      text += "; tools:";
      for (auto const& tool : turn.tools) text += " " + tool + ",";
      text.pop_back();
    }
    if (!turn.answer.empty()) text += "; answered: " + turn.answer;
  }
  return text;
}

std::uint64_t summary_bytes(ContextOptions const& options) {
  return options.max_bytes > 0 ? options.max_bytes / 4 : summary_without_bound;
}

// The newest counts for more.
std::string cut_summary(std::string text, ContextOptions const& options) {
  auto const limit = summary_bytes(options);
  if (text.size() <= limit) return text;
  auto begin = text.size() - limit;
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) ++begin;
  return text.substr(begin);
}

std::vector<Message> compose_context(ContextState const& context,
                                     std::optional<std::string> const& system,
                                     std::string_view summary) {
  auto const kept = kept_turns(context);
  auto const old = context.turns.size() - kept;
  std::string text = system.value_or("");
  if (!text.empty()) text += "\n\n";
  text += "[Summary of the conversation so far]\n";
  text += summary;
  if (auto const said = said_by_user(context, old); !said.empty())
    text += "\n\n[What the user said before]\n" + said;
  std::vector<Message> messages;
  messages.push_back({.role = "system",
                      .content = std::move(text),
                      .tool_calls = {},
                      .tool_call_id = {},
                      .name = {}});
  for (auto i = old; i < context.turns.size(); ++i)
    messages.insert(
        messages.end(), context.turns[i].messages.begin(), context.turns[i].messages.end());
  return messages;
}

}  // namespace dalsegno::agent
