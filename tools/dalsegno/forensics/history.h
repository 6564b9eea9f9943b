#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace dalsegno::forensics {

/// An event and what its step says of it.
struct PlacedEvent {
  storage::Event event;
  Time recorded_at;
  storage::Digest step_hash;
};

/// Where a look at a run ends: events after it are left out. Without either: at the run's end.
struct Cut {
  std::optional<Sequence> sequence;
  std::optional<Time> time;

  [[nodiscard]] bool keeps(storage::Event const& event, Time recorded_at) const {
    return (!sequence || event.sequence <= *sequence) && (!time || recorded_at <= *time);
  }
};

/// "17", or a time as RFC 3339 ("2026-11-23T01:02:03Z", with a fraction or an offset if wanted; a
/// date alone means its first instant). Errors: Errc::invalid.
[[nodiscard]] Result<Cut> parse_cut(std::string_view text);

/// The events of one run.
struct History {
  SessionId session;
  RunId run;
  std::string workflow;
  std::vector<PlacedEvent> events;  ///< sequences 1, 2, 3 … as far as they can be read
  std::uint64_t steps =
      0;  ///< whose hashes and links were verified: all of the run, also behind the cut
  std::optional<Error> broken;  ///< why not all of them

  /// The event with this sequence; nullptr when it is not there.
  [[nodiscard]] PlacedEvent const* at(Sequence sequence) const;
  template <class Body>
  [[nodiscard]] Body const* body_at(Sequence sequence) const {
    auto const* const placed = at(sequence);
    return placed == nullptr ? nullptr : std::get_if<Body>(&placed->event.body);
  }
};

/// Reads the newest run of a session and verifies its chain. What lies before a break is there
/// nevertheless. Errors: Errc::io.
[[nodiscard]] Result<History> read_history(storage::EventLog const& log,
                                           SessionId const& session,
                                           storage::Head const& head,
                                           Cut const& cut = {});

/// The bytes of a payload, fetched when they are an artifact. Errors: those of EventLog::artifact.
[[nodiscard]] Result<std::string> bytes_of(storage::EventLog const& log,
                                           SessionId const& session,
                                           storage::Payload const& payload);

}  // namespace dalsegno::forensics
