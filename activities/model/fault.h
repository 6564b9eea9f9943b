#pragma once

#include "dalsegno/ids.h"

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// Why a model call brought no answer, as the attempt's failure will say it.
struct ModelFault {
  /// One of the names below, or a failure of the transport ("timed_out", "cut_off", …).
  std::string type;
  std::string message;  ///< UTF-8; never holds a key of ours
  bool retryable = true;
  /// How long the server wants to be left alone; counts for more than the retry policy.
  std::optional<std::chrono::milliseconds> retry_after = {};
  unsigned status = 0;  ///< of HTTP; 0: none came, or it is not to blame

  friend bool operator==(ModelFault const&, ModelFault const&) = default;
};

template <class T>
using OrFault = std::expected<T, ModelFault>;

namespace fault {
// May be repeated.
inline constexpr std::string_view malformed_answer =
    "malformed_answer";                                           ///< no JSON, no such shape
inline constexpr std::string_view empty_answer = "empty_answer";  ///< no choice in it
inline constexpr std::string_view truncated = "truncated";  ///< the stream ended before the answer
inline constexpr std::string_view rate_limited = "rate_limited";
inline constexpr std::string_view overloaded = "overloaded";  ///< busy: 529, 503, or code 3040
inline constexpr std::string_view request_timeout = "request_timeout";
inline constexpr std::string_view conflict = "conflict";
inline constexpr std::string_view server_error = "server_error";
// May not.
inline constexpr std::string_view quota_exhausted = "quota_exhausted";
inline constexpr std::string_view bad_request = "bad_request";
inline constexpr std::string_view unauthorized = "unauthorized";
inline constexpr std::string_view forbidden = "forbidden";
inline constexpr std::string_view not_found = "model_not_found";
inline constexpr std::string_view prompt_too_large = "prompt_too_large";
inline constexpr std::string_view unexpected_status = "unexpected_status";
}  // namespace fault

/// A name and its value, as they stand in an answer's head.
struct AnswerHeader {
  std::string_view name;
  std::string_view value;
};

/// What a server says in an answer that is no success, or in an event of a stream: the shapes of
/// OpenAI, Anthropic, Workers AI, llama.cpp and those that copy them, FastAPI's, or no JSON at all.
struct SaidError {
  std::string message;  ///< UTF-8, at most about 1,000 bytes
  std::string type;
  std::string code;  ///< numbers as their digits
};
[[nodiscard]] SaidError read_error(std::string_view body);

/// The fault for an answer with a status other than 2xx.
[[nodiscard]] ModelFault fault_of_status(unsigned status,
                                         std::vector<AnswerHeader> const& headers,
                                         std::string_view body,
                                         Time now);

/// The fault for an error that came where an answer was expected, with a status of success.
[[nodiscard]] ModelFault fault_of_error(SaidError const& said);

[[nodiscard]] ModelFault malformed(std::string message);

/// The beginning of `text`, at most so many bytes, as UTF-8: what is not becomes U+FFFD, control
/// characters become blanks.
[[nodiscard]] std::string presentable(std::string_view text, std::size_t max_bytes);

}  // namespace dalsegno::activities
