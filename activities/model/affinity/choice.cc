#include "activities/model/affinity/choice.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace dalsegno::activities {

std::string_view name_of(BindingCause cause) {
  switch (cause) {
    case BindingCause::first:
      return "first";
    case BindingCause::kept:
      return "kept";
    case BindingCause::queue:
      return "queue";
    case BindingCause::evicted:
      return "evicted";
    case BindingCause::draining:
      return "draining";
    case BindingCause::down:
      return "down";
  }
  return "";
}

std::string_view name_of(RejectionReason reason) {
  switch (reason) {
    case RejectionReason::costlier:
      return "costlier";
    case RejectionReason::draining:
      return "draining";
    case RejectionReason::down:
      return "down";
  }
  return "";
}

std::uint64_t depth_at(AffinityChoice::Standing const& standing, std::uint32_t position) {
  auto const after =
      std::ranges::upper_bound(standing.depths, position, {}, &CacheModel::DepthStep::position);
  assert(after != standing.depths.begin());
  auto const& step = *std::prev(after);
  return step.depth + (position - step.position);
}

}  // namespace dalsegno::activities
