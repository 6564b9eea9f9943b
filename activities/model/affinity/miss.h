#pragma once

#include "activities/model/affinity/capacity_estimate.h"
#include "activities/model/affinity/choice.h"
#include "dalsegno/ids.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace dalsegno::activities {

/// What an answer tells. Absent is what a server does not say.
struct AffinityReport {
  std::optional<std::uint64_t> cached_tokens;
  std::optional<Time> first_token;
};

/// Why fewer tokens were cached than the session's last prompt and the model let hope for.
enum class MissCause : std::uint8_t {
  none,            ///< all that could be cached was
  prefix_changed,  ///< the prompt differs from the session's last one before that one's end
  endpoint_moved,  ///< the session's last prompt went to another endpoint
  evicted,         ///< other prompts pushed the blocks out
  unknown,         ///< the endpoint dropped what it should still have, or does not say
};
[[nodiscard]] std::string_view name_of(MissCause cause);

/// Predicted against reported, for metrics and for the log.
struct MissAccount {
  std::uint32_t predicted_blocks = 0;
  std::uint32_t reported_blocks = 0;
  MissCause cause = MissCause::none;
  /// The first block that differs from the session's last prompt, where the prefix changed: the
  /// caller knows which message it lies in.
  std::optional<std::uint32_t> changed_at;
  std::uint64_t capacity_blocks = 0;  ///< as it is believed now
};

/// What is to be said of an answer to `choice` that had `reported` leading blocks in its cache,
/// where `capacity` is what was known before the answer.
[[nodiscard]] MissAccount account_for(AffinityChoice const& choice,
                                      std::uint32_t reported,
                                      CapacityEstimate const& capacity);

}  // namespace dalsegno::activities
