#pragma once

// One event between its struct (event.h) and its table (event.fbs). What the schema cannot rule out
// (enumerators, times, sizes) is checked here, the same in both directions.

#include "dalsegno/result.h"
#include "storage/event/event.h"
#include "storage/event/event_generated.h"

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace dalsegno::storage {

/// Times on disk: microseconds from 1970 to the end of the year 9999, UTC.
inline constexpr std::int64_t max_time_microseconds = 253'402'300'799'999'999;

/// Clears `out` and writes the event into it as a buffer of its own, which lives until `out` is
/// used again; or says why not: Errc::too_large, Errc::invalid.
struct WrittenEvent {
  std::string_view bytes;
  std::optional<Errc> problem;
};
[[nodiscard]] WrittenEvent write_event(flatbuffers::FlatBufferBuilder& out, Event const& event);

/// Reads a verified table into `into`, whatever that held and using its memory again. False when a
/// field is out of its range: then `into` is of no use.
[[nodiscard]] bool read_event(wire::Event const& event, Event& into);

}  // namespace dalsegno::storage
