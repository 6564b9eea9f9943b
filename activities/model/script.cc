#include "activities/model/script.h"

#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "storage/vault/redactor.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr std::string_view between_joined = "\n\n";

void join(std::optional<std::string>& text, std::optional<std::string> const& more) {
  if (!more) return;
  if (!text || text->empty()) {
    text = more;
  } else if (!more->empty()) {
    text->append(between_joined).append(*more);
  }
}

agent::Message message_of(RecordedMessage const& recorded) {
  agent::Message message;
  message.role = recorded.role;
  message.content = recorded.content;
  for (auto const& call : recorded.tool_calls) {
    message.tool_calls.push_back({.id = call.id, .name = call.name, .arguments = call.arguments});
  }
  if (recorded.role == "tool") {
    message.tool_call_id = recorded.tool_call_id;
    message.name = recorded.name;
  }
  // Only a model may say nothing: the client's and the tools' words are strings.
  if (recorded.role != "assistant" && !message.content) message.content = "";
  return message;
}

void chain(Script& script) {
  std::string digest;
  for (auto& scripted : script.messages) {
    digest = storage::to_hex(storage::sha256({digest, to_json(scripted.seen)}));
    scripted.digest = digest;
  }
}

/// Goes through a transcript and writes the script.
class Writer {
 public:
  explicit Writer(Transcript const& transcript) : transcript_(transcript) {
    script_.file = transcript.file;
    script_.line = transcript.line;
    script_.session = transcript.id;
  }

  Result<Script> write() {
    for (at_ = 0; at_ < transcript_.messages.size(); ++at_) {
      auto const& recorded = transcript_.messages[at_];
      if (recorded.role == "system" || recorded.role == "developer") {
        TRY_VOID(system(recorded));
      } else if (recorded.role == "user") {
        TRY_VOID(user(recorded));
      } else if (recorded.role == "assistant") {
        assistant(recorded);
      } else {
        tool(recorded);
      }
    }
    end();
    for (auto& scripted : script_.messages) scripted.seen = scripted.message;
    chain(script_);
    return std::move(script_);
  }

 private:
  [[nodiscard]] Error problem(std::string_view what) const {
    auto detail = script_.file + ":" + std::to_string(script_.line) + ": message " +
                  std::to_string(at_ + 1) + " (" + transcript_.messages[at_].role + "): ";
    return {.code = Errc::invalid, .detail = detail.append(what)};
  }
  [[nodiscard]] agent::Message* latest() {
    return script_.messages.empty() ? nullptr : &script_.messages.back().message;
  }
  [[nodiscard]] bool latest_is(std::string_view role) {
    return latest() != nullptr && latest()->role == role;
  }
  void say(agent::Message message) {
    script_.messages.push_back(
        {.message = std::move(message), .seen = {}, .recorded = at_, .digest = {}});
  }

  Result<> system(RecordedMessage const& recorded) {
    if (latest() != nullptr && !latest_is("system")) {
      return problem("comes after the first turn; a session has its system message at its start");
    }
    if (latest() == nullptr) {
      say(message_of(
          {.role = "system", .content = "", .tool_calls = {}, .tool_call_id = {}, .name = {}}));
    }
    join(latest()->content, recorded.content);
    script_.system = latest()->content;
    return {};
  }

  Result<> user(RecordedMessage const& recorded) {
    if (open_ > 0) return problem("comes while a tool call is open; a session takes no turn then");
    if (latest_is("tool"))
      return problem("comes right after a tool's result, which a session gives to its model first");
    if (latest_is("user")) {
      join(latest()->content, recorded.content);
    } else {
      say(message_of(recorded));
    }
    return {};
  }

  void assistant(RecordedMessage const& recorded) {
    auto message = message_of(recorded);
    if (latest_is("assistant")) {  // without calls: those would have been answered in between
      join(latest()->content, message.content);
      latest()->tool_calls = std::move(message.tool_calls);
    } else {
      say(std::move(message));
    }
    asked_ = script_.messages.size() - 1;
    open_ = recorded.tool_calls.size();
  }

  void tool(RecordedMessage const& recorded) {
    say(message_of(recorded));
    --open_;
    // The session takes results in the order of the calls, in whichever they came.
    auto const& calls = script_.messages[asked_].message.tool_calls;
    auto const place = [&calls](ScriptedMessage const& result) {
      return std::ranges::find(calls, *result.message.tool_call_id, &agent::ToolCall::id) -
             calls.begin();
    };
    std::ranges::sort(script_.messages.begin() + static_cast<std::ptrdiff_t>(asked_) + 1,
                      script_.messages.end(),
                      {},
                      place);
    // The name that the session knows is that of the call.
    for (auto at = asked_ + 1; at < script_.messages.size(); ++at) {
      auto& result = script_.messages[at];
      result.message.name = calls[static_cast<std::size_t>(place(result))].name;
    }
  }

  void end() {
    for (auto const& scripted : script_.messages) {
      if (scripted.message.role == "user") {
        script_.turns.push_back({.content = *scripted.message.content, .last = false});
      }
    }
    if (latest_is("user")) {
      script_.turns.back().last = true;
      script_.messages.pop_back();
    } else if (!latest_is("tool") && open_ == 0) {
      script_.turns.push_back({.content = "", .last = true});
    }
  }

  Transcript const& transcript_;
  Script script_;
  std::size_t at_ = 0;     // in the transcript
  std::size_t asked_ = 0;  // the latest assistant message of the script
  std::size_t open_ = 0;   // its calls without a result
};

}  // namespace

Result<Script> make_script(Transcript const& transcript) { return Writer(transcript).write(); }

void redact(Script& script, vault::Redactor const& redactor) {
  for (auto& scripted : script.messages) {
    auto const json = parse_json(to_json(scripted.message));
    if (!json) continue;
    auto seen = from_json<agent::Message>(to_string(redactor.json(*json).value));
    if (seen) scripted.seen = std::move(*seen);
  }
  chain(script);
}

}  // namespace dalsegno::activities
