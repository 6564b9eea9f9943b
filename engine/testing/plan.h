#pragma once

#include "dalsegno/testing.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::detail {

/// How one run of a scenario is to be different, and what it came by.
class TestPlan {
 public:
  /// The process ends at this place, counted from 1.
  std::optional<std::uint64_t> crash_at = {};
  /// This result is handed in twice, counted from 1.
  std::optional<std::uint64_t> twice = {};
  /// At the n-th choice take this one of what came at the same time; later on, the first.
  std::vector<std::size_t> choices = {};

  std::vector<std::string> places = {};  ///< where a process may end, as "step 3 of s (TimerFired)"
  std::uint64_t results = 0;             ///< handed in
  std::vector<std::size_t> offered = {};  ///< at each choice, how many there were

  static void follow(TestRuntime& runtime, TestPlan& plan);
};

}  // namespace dalsegno::detail
