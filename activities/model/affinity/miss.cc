#include "activities/model/affinity/miss.h"

#include <algorithm>

namespace dalsegno::activities {
namespace {

MissCause cause_of(AffinityChoice const& choice,
                   std::uint32_t reported,
                   CapacityEstimate const& capacity) {
  // The last block of a prompt may be half full, and differ once the next one goes on from there.
  auto const before = choice.previous_blocks > 0 ? choice.previous_blocks - 1 : 0;
  if (reported >= std::max(choice.predicted_blocks, before)) return MissCause::none;
  if (choice.shared_with_previous < before && reported >= choice.shared_with_previous)
    return MissCause::prefix_changed;
  bool const moved = choice.binding != BindingCause::first && choice.binding != BindingCause::kept;
  if (moved && reported >= choice.predicted_blocks) return MissCause::endpoint_moved;
  if (reported >= choice.standing.tracked_blocks) return MissCause::evicted;  // long ago
  return capacity.proven(depth_at(choice.standing, reported)) ? MissCause::unknown
                                                              : MissCause::evicted;
}

}  // namespace

std::string_view name_of(MissCause cause) {
  switch (cause) {
    case MissCause::none:
      return "none";
    case MissCause::prefix_changed:
      return "prefix_changed";
    case MissCause::endpoint_moved:
      return "endpoint_moved";
    case MissCause::evicted:
      return "evicted";
    case MissCause::unknown:
      return "unknown";
  }
  return "";
}

MissAccount account_for(AffinityChoice const& choice,
                        std::uint32_t reported,
                        CapacityEstimate const& capacity) {
  MissAccount account{.predicted_blocks = choice.predicted_blocks,
                      .reported_blocks = reported,
                      .cause = cause_of(choice, reported, capacity),
                      .changed_at = {},
                      .capacity_blocks = capacity.blocks()};
  if (account.cause == MissCause::prefix_changed) account.changed_at = choice.shared_with_previous;
  return account;
}

}  // namespace dalsegno::activities
