#pragma once

#include "activities/model/affinity/block_digest.h"
#include "activities/model/affinity/cache_model.h"
#include "dalsegno/ids.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// What a prompt's session sent last, and where: `Request::previous`.
struct PreviousPrompt {
  std::size_t endpoint = 0;  ///< of the router's list
  std::span<BlockDigest const> blocks;
};

struct AffinityRequest {
  std::span<BlockDigest const> blocks;
  std::uint64_t tokens = 0;  ///< of the whole prompt, about
  std::optional<PreviousPrompt> previous;
};

/// How a session's prompt came to its endpoint, for the log.
enum class BindingCause : std::uint8_t {
  first,     ///< the session has none yet
  kept,      ///< where its last prompt went
  queue,     ///< the old one has the better cache, and a queue that costs more
  evicted,   ///< the old one's cache is no better
  draining,  ///< the old one is draining
  down,      ///< the old one is down
};
[[nodiscard]] std::string_view name_of(BindingCause cause);

/// Why an endpoint was not taken.
enum class RejectionReason : std::uint8_t {
  costlier,
  draining,
  down,
};
[[nodiscard]] std::string_view name_of(RejectionReason reason);

/// What one endpoint would have cost.
struct AffinityCandidate {
  std::size_t endpoint = 0;
  std::uint32_t predicted_blocks = 0;
  double wait_seconds = 0;
  double prefill_seconds = 0;               ///< of what its cache lacks
  double cost = 0;                          ///< (wait + priced_miss * prefill) / weight
  std::optional<RejectionReason> rejected;  ///< nothing: this one was taken
};

/// Where a prompt goes. The caller keeps it and hands it back with the answer.
struct AffinityChoice {
  std::size_t endpoint = 0;
  BindingCause binding = BindingCause::first;
  std::uint32_t blocks = 0;            ///< of the prompt
  std::uint64_t tokens = 0;            ///< of the prompt
  std::uint32_t predicted_blocks = 0;  ///< that the endpoint's cache should have
  std::uint64_t predicted_tokens = 0;  ///< the same in tokens
  /// Leading blocks that the session's last prompt had too, and how many that prompt had.
  std::uint32_t shared_with_previous = 0;
  std::uint32_t previous_blocks = 0;
  Time expected_first_token;
  std::vector<AffinityCandidate> candidates;  ///< every endpoint, in the order of the list

  /// How the router stood then: what `report` compares the answer with.
  struct Standing {
    std::vector<CacheModel::DepthStep> depths;
    std::uint32_t tracked_blocks = 0;
    std::uint64_t busy_period = 0;
    std::chrono::microseconds delay{0};
    std::uint64_t incarnation = 0;
  };
  Standing standing;
};

/// The depth of the block at `position`, which is tracked.
[[nodiscard]] std::uint64_t depth_at(AffinityChoice::Standing const& standing,
                                     std::uint32_t position);

}  // namespace dalsegno::activities
