#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/event/event.h"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace dalsegno::storage {

/// Kinds of events, each at the number that it has on disk (0: none).
using EventTypes = std::bitset<256>;

/// The number on disk of a kind of event: its place in EventBody.
template <class Body, std::size_t place = 0>
[[nodiscard]] constexpr std::size_t type_number() {
  if constexpr (std::is_same_v<Body, std::variant_alternative_t<place, EventBody>>) {
    return place;
  } else {
    return type_number<Body, place + 1>();
  }
}

/// The set of these kinds.
template <class... Bodies>
[[nodiscard]] EventTypes event_types() {
  EventTypes types;
  (types.set(type_number<Bodies>()), ...);
  return types;
}

/// "OperatorActed" for 21; "unknown" for a number of a newer version.
[[nodiscard]] std::string_view type_name(std::size_t number);

/// What a stored step is about.
struct StepOutline {
  SessionId session;  ///< that its header names
  EventTypes types;
};

/// Reads whose step the bytes are and which kinds of events it has, without making events. The
/// bytes are verified; the header's fields are not compared with their limits. Errors:
/// Errc::corrupt.
[[nodiscard]] Result<StepOutline> outline(std::string_view bytes);

}  // namespace dalsegno::storage
