#pragma once

#include "storage/event/event.h"

#include <variant>

namespace dalsegno::storage {

/// Up to where the events of a run that begins so are copies of another run's: they happened there,
/// and whoever counts counts them there. 0: none are.
[[nodiscard]] inline Sequence copied_up_to(EventBody const& first) {
  auto const* const started = std::get_if<SessionStarted>(&first);
  return started != nullptr && started->fork ? started->fork->sequence : 0;
}

}  // namespace dalsegno::storage
