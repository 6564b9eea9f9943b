#pragma once

// What a model is asked and what it answers, in no server's spelling. The dialects (chat_dialect.h,
// messages_dialect.h) turn the one into bytes and bytes into the other; none of them does I/O.

#include "activities/model/fault.h"
#include "activities/model/sse.h"
#include "activities/model/usage.h"
#include "dalsegno/agent.h"
#include "dalsegno/json.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// A tool as a model is told of it.
struct ToolSpec {
  std::string name;
  std::string description;
  Json parameters;  ///< JSON Schema of an object; null: it takes none

  friend bool operator==(ToolSpec const&, ToolSpec const&) = default;
};

/// Whether a model may or must call tools.
struct ToolChoice {
  enum class Mode : std::uint8_t { automatic, none, required, named };
  Mode mode = Mode::automatic;
  std::string name;  ///< of the tool, when `named`

  friend bool operator==(ToolChoice const&, ToolChoice const&) = default;
};

/// The form of an answer.
struct AnswerFormat {
  enum class Kind : std::uint8_t { text, json_object, json_schema };
  Kind kind = Kind::text;
  std::string name;  ///< of the schema
  Json schema;
  bool strict = true;

  friend bool operator==(AnswerFormat const&, AnswerFormat const&) = default;
};

/// One message of a prompt. What a server wants back unread with an answer of its own stands in
/// `reasoning`.
struct PromptMessage {
  agent::Message message;
  Json::Array reasoning = {};
};

/// One call of a model.
struct ModelCall {
  std::string model;  ///< as the server names it
  std::vector<PromptMessage> messages;
  std::vector<ToolSpec> tools = {};
  ToolChoice tool_choice = {};
  std::optional<bool> parallel_tool_calls = {};
  AnswerFormat format = {};
  bool stream = true;
  std::optional<std::uint64_t> max_tokens = {};
  std::optional<double> temperature = {};
  std::optional<double> top_p = {};
  std::optional<std::int64_t> seed = {};
  std::vector<std::string> stop = {};
  std::string cache_key = {};  ///< sent where the server has a name for it; "": none
  /// More members of the body, as a server of one's own may want them; they win over ours.
  Json extra = {};
};

/// What a model answered.
struct ModelAnswer {
  std::optional<std::string> content;
  std::string reasoning;              ///< as far as the server shows it
  Json::Array reasoning_blocks = {};  ///< PromptMessage::reasoning of the next prompts
  std::vector<agent::ToolCall> tool_calls;
  std::string refusal;
  /// "stop", "length", "tool_calls", "content_filter", "refusal", or the server's own word; "" when
  /// it gave none.
  std::string finish;
  std::string id;     ///< the server's, of this answer
  std::string model;  ///< that the server says it ran
  std::optional<Usage> usage;

  friend bool operator==(ModelAnswer const&, ModelAnswer const&) = default;
};

/// A part of an answer that is not complete yet: provisional, as the call may still fail.
struct AnswerDelta {
  enum class Kind : std::uint8_t { text, reasoning, tool_arguments, refusal };
  Kind kind = Kind::text;
  std::size_t tool_call = 0;  ///< of tool_arguments: which call of the answer
  std::string tool;           ///< of tool_arguments: its name, as far as it is known
  std::string text;
};
using DeltaSink = std::function<void(AnswerDelta)>;

/// A model asks for no more tools than this in one answer.
inline constexpr std::size_t max_tool_calls = 256;

/// Puts an answer together from the events of a stream. Thread: one at a time.
class AnswerStream {
 public:
  AnswerStream() = default;
  AnswerStream(AnswerStream const&) = delete;
  AnswerStream& operator=(AnswerStream const&) = delete;
  virtual ~AnswerStream() = default;

  /// After a fault it may not be called again.
  [[nodiscard]] virtual OrFault<void> take(SseEvent const& event, DeltaSink const& sink) = 0;
  /// The server has said that there is no more.
  [[nodiscard]] virtual bool done() const = 0;
  /// The stream has ended. Faults: "truncated" when the answer had not, "empty_answer" when there
  /// was none.
  [[nodiscard]] virtual OrFault<ModelAnswer> finish() = 0;
  /// What the server has said so far of the tokens it used: of an answer that came to nothing it is
  /// all that is known.
  [[nodiscard]] virtual std::optional<Usage> usage() const = 0;
};

/// The text of a tool call's arguments as JSON: what is no JSON stays a string, nothing at all is
/// an empty object.
[[nodiscard]] Json read_arguments(std::string_view text);
/// The inverse, for prompts: equal values give equal bytes.
[[nodiscard]] std::string write_arguments(Json const& arguments);

/// The tools in the order of their names, which is that of every prompt.
[[nodiscard]] std::vector<ToolSpec> in_order(std::vector<ToolSpec> tools);

/// The text of a "content" or "reasoning" member: a string, or the texts of a list of parts.
[[nodiscard]] std::optional<std::string> text_of_parts(Json const* value);

/// Sets the members of `extra` in `body`.
void set_extra(Json& body, Json const& extra);

/// The fault for an answer that ended before it was complete.
[[nodiscard]] ModelFault truncated_answer(std::string_view what);
[[nodiscard]] ModelFault empty_answer(std::string_view what);

}  // namespace dalsegno::activities
