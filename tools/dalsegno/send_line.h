#pragma once

#include "dalsegno/result.h"

#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::command {

/// One line of what `dalsegno send` reads.
struct SendLine {
  std::string session;
  std::string key;  ///< "": a repetition would be another signal
  std::string signal;
  std::string payload;               ///< JSON; "null" when the line has none
  std::optional<std::string> input;  ///< JSON: what a session that does not exist is started with

  friend bool operator==(SendLine const&, SendLine const&) = default;
};

/// Reads an object {session, key, signal, payload, input}; "session" and "signal" are required.
/// Errors: Errc::invalid; the detail says what is wrong, "column C: …" when it is no JSON.
[[nodiscard]] Result<SendLine> read_send_line(std::string_view text);

}  // namespace dalsegno::command
