#include "activities/model/recorded.h"

#include "activities/model/text_difference.h"
#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "engine/policy/problems.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace dalsegno::activities {
namespace {

[[noreturn]] void fail(std::string_view type, std::string const& message) {
  throw ActivityError(std::string(type), message, ActivityError::Retry::forbidden);
}

/// "FILE:LINE: message 7 (tool)": where the session has its message `index`. Past the end: the end.
std::string place(Script const& script, std::size_t index) {
  auto text = script.file + ":" + std::to_string(script.line) + ": ";
  if (index >= script.messages.size()) return text + "the end of the recording";
  auto const& scripted = script.messages[index];
  return text + "message " + std::to_string(scripted.recorded + 1) + " (" + scripted.message.role +
         ")";
}

[[noreturn]] void mismatch(Script const& script, std::size_t index, std::string const& what) {
  fail(transcript_mismatch, place(script, index) + ": " + what);
}

std::string text_of(std::optional<std::string> const& text) {
  return text ? engine::quoted(*text) : "nothing";
}

/// Adds "\n  FIELD\n    recorded …\n    asked    …" when the two differ.
void compare(std::string& diff,
             std::string_view field,
             std::optional<std::string> const& recorded,
             std::optional<std::string> const& asked) {
  if (recorded == asked) return;
  auto const pair = recorded && asked ? difference(*recorded, *asked)
                                      : TextDifference{text_of(recorded), text_of(asked)};
  diff.append("\n  ").append(field);
  diff.append("\n    recorded  ").append(pair.left);
  diff.append("\n    asked     ").append(pair.right);
}

void compare(std::string& diff,
             std::string const& field,
             agent::ToolCall const& recorded,
             agent::ToolCall const& asked) {
  compare(diff, field + " id", recorded.id, asked.id);
  compare(diff, field + " name", recorded.name, asked.name);
  // By their canonical form: the order of members says nothing, and the session's has been
  // canonical once.
  compare(diff, field + " arguments", canonical(recorded.arguments), canonical(asked.arguments));
}

std::string compare(agent::Message const& recorded, agent::Message const& asked) {
  std::string diff;
  compare(diff, "role", recorded.role, asked.role);
  compare(diff, "content", recorded.content, asked.content);
  compare(diff, "tool_call_id", recorded.tool_call_id, asked.tool_call_id);
  compare(diff,
          "number of tool calls",
          std::to_string(recorded.tool_calls.size()),
          std::to_string(asked.tool_calls.size()));
  for (std::size_t i = 0; i < std::min(recorded.tool_calls.size(), asked.tool_calls.size()); ++i) {
    compare(
        diff, "tool call " + std::to_string(i + 1), recorded.tool_calls[i], asked.tool_calls[i]);
  }
  return diff;
}

/// A tool of ours has found the mismatch before: the session gives its error to the model.
std::optional<std::string> mismatch_before(agent::Message const& asked) {
  if (asked.role != "tool" || !asked.content) return std::nullopt;
  auto const error = parse_json(*asked.content);
  if (!error || error->text("error") != transcript_mismatch) return std::nullopt;
  return std::string(error->text("message"));
}

template <class Request>
Request read_request(std::string_view input) {
  auto request = from_json<Request>(input);
  if (!request) fail("input_mismatch", request.error().detail);
  return std::move(*request);
}

}  // namespace

RecordedFarSide::RecordedFarSide(std::vector<Script>&& scripts) {
  for (auto& script : scripts) {
    auto session = script.session;
    scripts_.try_emplace(std::move(session), std::move(script));
  }
}

Script const* RecordedFarSide::find(std::string_view session) const {
  auto const found = scripts_.find(session);
  return found == scripts_.end() ? nullptr : &found->second;
}

Script const& RecordedFarSide::script_of(ActivityContext const& context) const {
  auto const* const script = find(context.session.name);
  if (script == nullptr)
    fail("not_recorded",
         "there is no transcript of session " + engine::quoted(context.session.name));
  return *script;
}

ActivityReply RecordedFarSide::model(ActivityContext const& context, std::string_view input) const {
  auto const& script = script_of(context);
  auto const request = read_request<agent::ModelRequest>(input);
  auto const count = request.prompt.messages;
  if (request.append.size() > count)
    fail("input_mismatch", "more messages are appended than there are");
  for (std::size_t i = 0; i < request.append.size(); ++i) {
    auto const& asked = request.append[i];
    auto const index = static_cast<std::size_t>(count) - request.append.size() + i;
    if (index >= script.messages.size()) {
      mismatch(script, index, "the session goes on with " + engine::quoted(to_json(asked)));
    }
    auto const diff = compare(script.messages[index].seen, asked);
    if (diff.empty()) continue;
    if (auto const before = mismatch_before(asked)) fail(transcript_mismatch, *before);
    mismatch(script, index, "the session's differs from the recorded one" + diff);
  }
  if (count >= script.messages.size()) {
    mismatch(
        script, static_cast<std::size_t>(count), "the session asks the model for one more message");
  }
  auto const& reply = script.messages[static_cast<std::size_t>(count)].message;
  if (reply.role != "assistant") {
    mismatch(
        script, static_cast<std::size_t>(count), "the session asks the model for its message here");
  }
  auto const& digest =
      count == 0 ? std::string() : script.messages[static_cast<std::size_t>(count) - 1].digest;
  if (request.prompt.digest != digest) {
    mismatch(script,
             static_cast<std::size_t>(count),
             "the session's conversation up to here has another digest than the recorded one; was "
             "the file changed "
             "since the session began?");
  }
  ActivityReply answer;
  answer.payload =
      to_json(agent::ModelReply{.content = reply.content, .tool_calls = reply.tool_calls});
  answer.model = context.name;
  answer.finish = reply.tool_calls.empty() ? "stop" : "tool_calls";
  return answer;
}

ActivityReply RecordedFarSide::tool(ActivityContext const& context, std::string_view input) const {
  auto const& script = script_of(context);
  auto const request = read_request<agent::ToolRequest>(input);
  auto const index = static_cast<std::size_t>(request.message);
  auto const called =
      engine::quoted(context.name) + " (call " + std::to_string(request.call + 1) + ")";
  if (index >= script.messages.size())
    mismatch(script, index, "the session calls the tool " + called);
  auto const& calls = script.messages[index].seen.tool_calls;
  if (request.call >= calls.size()) {
    mismatch(script,
             index,
             "has " + std::to_string(calls.size()) + " tool calls; the session calls the tool " +
                 called);
  }
  auto const& recorded = calls[static_cast<std::size_t>(request.call)];
  // A call whose permit reveals gets what was said, any other what the session has of it.
  auto const& said =
      script.messages[index].message.tool_calls[static_cast<std::size_t>(request.call)];
  bool const revealed = canonical(request.arguments) == canonical(said.arguments);
  std::string diff;
  compare(diff,
          "tool call " + std::to_string(request.call + 1),
          recorded,
          {.id = request.id,
           .name = context.name,
           .arguments = revealed ? recorded.arguments : request.arguments});
  if (!diff.empty())
    mismatch(script, index, "the session's tool call differs from the recorded one" + diff);

  for (auto at = index + 1;
       at < script.messages.size() && script.messages[at].message.role == "tool";
       ++at) {
    auto const& result = script.messages[at].message;
    if (result.tool_call_id != recorded.id) continue;
    bool const ends = at + 1 == script.messages.size();
    return {.payload = to_json(agent::ToolReply{.content = *result.content, .ends_session = ends})};
  }
  // read_conversation lets calls stay open at the end only.
  return {.payload = to_json(agent::ToolReply{.content = "", .ends_session = true})};
}

void RecordedFarSide::serve(Registry& registry) const {
  registry.add_model("*", [this](ActivityContext const& context, std::string_view input) {
    return model(context, input);
  });
  registry.add_tool("*", [this](ActivityContext const& context, std::string_view input) {
    return tool(context, input);
  });
}

}  // namespace dalsegno::activities
