#pragma once

#include "dalsegno/ids.h"
#include "storage/event/codec.h"

#include <algorithm>
#include <string>

namespace dalsegno::engine {

/// The run that a run continues as: the same in life, in replay, and for whoever asks whether one
/// run continues another. `digester` is keyed with the session's secret.
[[nodiscard]] inline RunId next_run(storage::KeyedDigester const& digester, RunId const& run) {
  auto const digest = digester.digest("dalsegno/run/continue/1" + to_string(run));
  RunId next;
  std::copy_n(digest.bytes.begin(), next.bytes.size(), next.bytes.begin());
  return next;
}

}  // namespace dalsegno::engine
