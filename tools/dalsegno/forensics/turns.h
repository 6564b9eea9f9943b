#pragma once

// What a client waited for in a session of the built-in agent: its turns and their answers.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/history.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace dalsegno::forensics {

/// What became of a turn by the end of its run.
enum class TurnEnd : std::uint8_t {
  answered,
  waiting,  ///< the session is open or held
  failed,   ///< the session failed before there was an answer
  gone      ///< it ended otherwise: completed, cancelled, continued in another run
};

[[nodiscard]] std::string_view name_of(TurnEnd end);

struct Turn {
  Sequence sequence = 0;  ///< of its InputReceived
  Time arrived;
  TurnEnd end = TurnEnd::waiting;
  /// From its arrival to the AnswerGiven.
  std::optional<std::chrono::microseconds> answer;
  /// From its arrival to the first token of the first model call that it led to: when that call's
  /// result was recorded, less the time that had passed since the token. So waiting in a queue and
  /// failed attempts count. Nothing while there is no result, and where the result does not say.
  std::optional<std::chrono::microseconds> first_token;
  bool has_result = false;  ///< that first model call brought an answer
  Time ended = {};          ///< of one that has failed: when the session did
};

/// What becomes of what a run left undone.
[[nodiscard]] TurnEnd end_of(History const& history);

/// The turns of a run of the workflow "agent", in the order of their arrival. Errors: Errc::io.
[[nodiscard]] Result<std::vector<Turn>> read_turns(storage::EventLog const& log,
                                                   History const& history);

}  // namespace dalsegno::forensics
