#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "dalsegno/tool_answers.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::activities {

/// The version of the rules below; recorded with every answer. Never reused.
inline constexpr std::uint32_t answer_rules = 1;

/// What a model sees of a tool's answer.
struct NormalAnswer {
  enum class Form : std::uint8_t {
    text,     ///< it is no JSON, and stands as it was
    json,     ///< `decode_answer` gives its value
    preview,  ///< its beginning
  };
  std::string text;
  Form form = Form::text;
};

/// The normal form of `raw`, by rules of this version:
///
/// - JSON becomes compact; members are sorted as RFC 8785 has it; numbers keep their kind (1
/// and 1.0
///   differ, as in `Json`); volatile members are left out; uniform lists are tables where that is
///   shorter (`with_tables`).
/// - What is no JSON that `parse_json` takes stands as it is; what is not UTF-8, whatever else
/// holds.
/// - An answer that the tool called an error is {"error": TYPE, "message": …}: itself where it is
/// an
///   object with a member "error", else as the message of the type "tool_error".
/// - What is then longer than the options say is {"bytes", "preview", "sha256"}, of the form above.
///
/// Pure: the same bytes for equal values, on every machine.
[[nodiscard]] NormalAnswer normalize_answer(std::string_view raw,
                                            bool is_error = false,
                                            tool::AnswerOptions const& options = {});

/// The value of an answer in the form `json`, with sorted members.
/// Errors: Errc::invalid.
[[nodiscard]] Result<Json> decode_answer(std::string_view normal);

}  // namespace dalsegno::activities
