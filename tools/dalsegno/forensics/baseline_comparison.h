#pragma once

// What moved between two baselines.

#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::forensics {

/// From when on a figure has moved.
struct BaselineThresholds {
  double share = 0.2;    ///< of times, tokens and costs: by more than this part of what they were
  double points = 0.05;  ///< of shares and rates: by more than this
};

enum class Direction : std::uint8_t {
  better,
  worse,
  changed  ///< it is there only once
};
[[nodiscard]] std::string_view name_of(Direction direction);

struct MovedFigure {
  std::string workflow;
  std::string figure;  ///< "models latency p95_us", "tool add duration p50_us", "workflow"
  // Nothing: it is not there.
  std::optional<double> before;
  std::optional<double> now;
  Direction direction = Direction::changed;
};

/// The figures that moved, in the order of workflows and figures. A figure that one of the two has
/// not measured is passed over; a workflow, tool or activity that only one has is told of.
/// `before`: anybody's bytes. Errors: Errc::invalid when it is no baseline, or one of a version
/// that is not known.
[[nodiscard]] Result<std::vector<MovedFigure>> compare_baselines(
    std::string_view before, Json const& now, BaselineThresholds const& thresholds);

}  // namespace dalsegno::forensics
