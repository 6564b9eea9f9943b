#pragma once

#include "dalsegno/result.h"
#include "tools/dalsegno/globals.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace dalsegno::command {

/// The beginning of the id under which a session waits for approval. Errc::not_found when it does
/// not.
[[nodiscard]] Result<std::string> waiting_for_approval(Globals const& globals,
                                                       std::string const& session);

/// Prints a session's conversation, briefly: what the client and the desk say, and each tool call
/// with its decision. Errors: those of opening and reading the store in `globals.data`.
[[nodiscard]] Result<> tell_conversation(Globals const& globals, std::string const& session);

/// What a session's log says about the calls that left the process, before and after the process
/// that began it was killed.
struct TwoLives {
  std::size_t results_before =
      0;                        ///< calls whose result was in the log when the first process ended
  std::size_t in_doubt = 0;     ///< begun by it, without a result: they may have run
  std::size_t orphaned = 0;     ///< of these, marked so by the next process
  std::size_t calls_after = 0;  ///< attempts that later processes made
  std::size_t made_again = 0;   ///< calls with a result that were made again: must be 0
};
[[nodiscard]] Result<TwoLives> count_calls(Globals const& globals, std::string const& session);

}  // namespace dalsegno::command
