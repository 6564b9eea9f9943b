#pragma once

#include "storage/log/event_log.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dalsegno::test {

/// What a session asked for and was given, without what differs from one life to another (attempts,
/// times, run ids) and from one store to another (keyed digits and digests).
struct SessionFacts {
  std::vector<std::string> commands;           ///< kind, name and input of each call, in order
  std::map<std::size_t, std::string> results;  ///< of each, by its number from 0
  std::vector<std::string> answers;
  std::string end;  ///< how it ended; "" while it is open

  friend bool operator==(SessionFacts const&, SessionFacts const&) = default;
};

/// How the attempts of a session's calls went.
struct AttemptFacts {
  std::size_t orphaned = 0;
  std::vector<std::string> broken;  ///< what must never be, for people
};

/// Opens the store in `folder` for reading. Fails the test when that cannot be.
[[nodiscard]] std::unique_ptr<storage::EventLog> open_to_read(std::filesystem::path const& folder);

/// The facts of all sessions but the store's own, by name.
[[nodiscard]] std::map<std::string, SessionFacts> read_facts(storage::EventLog const& log);

using FactsByName = std::map<std::string, SessionFacts>;

/// Claims that both are the same; names the sessions that differ.
void expect_same(FactsByName const& actual, FactsByName const& expected);

/// Checks: no call is attempted again after its result; an attempt is followed by another only when
/// it failed or is marked as orphaned; at the end of a session no attempt is open.
[[nodiscard]] AttemptFacts check_attempts(storage::EventLog const& log);

/// Checks that every answer of every session is explained by a whole chain. Returns how many there
/// are.
[[nodiscard]] std::size_t check_answers(storage::EventLog const& log);

}  // namespace dalsegno::test
