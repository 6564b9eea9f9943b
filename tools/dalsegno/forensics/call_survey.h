#pragma once

// Figures of model calls in groups that the reader chooses.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "tools/dalsegno/forensics/model_calls.h"
#include "tools/dalsegno/forensics/usd_sum.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::forensics {

enum class GroupKey : std::uint8_t { tenant, workflow, session, family, model, served, endpoint };

[[nodiscard]] std::string_view name_of(GroupKey key);
/// "tenant,workflow": each at most once. Errors: Errc::invalid, naming what there is.
[[nodiscard]] Result<std::vector<GroupKey>> parse_group_keys(std::string_view text);

struct CallGroup {
  std::set<SessionId> sessions;
  std::uint64_t calls = 0;  ///< that brought an answer
  std::uint64_t failed_attempts = 0;
  std::uint64_t orphaned_attempts = 0;
  // How many of the calls lack what the figures below are made from.
  std::uint64_t without_record = 0;  ///< the result says nothing of the call
  std::uint64_t without_usage = 0;
  std::uint64_t without_cost = 0;  ///< but for summaries
  RecordedUsage usage;             ///< sums
  UsdSum cost;                     ///< of answers, but for summaries
  std::uint64_t summaries = 0;  ///< of the calls: they asked for what takes the place of old turns
  UsdSum summary_cost;
  std::uint64_t summaries_without_cost = 0;
  // Of attempts that failed and whose server said what they had used.
  RecordedUsage failed_usage;
  UsdSum failed_cost;
  std::uint64_t failed_with_usage = 0;
  std::uint64_t failed_without_cost = 0;  ///< of these, those without a price
  std::uint64_t compared = 0;             ///< calls whose server said what was cached
  std::uint64_t blocks = 0;               ///< of these calls' prompts
  std::uint64_t predicted_blocks = 0;
  std::uint64_t reported_blocks = 0;
  std::map<std::string, std::uint64_t> misses;  ///< cause → calls
  /// Calls answered by another endpoint than the call of their session that was answered before.
  std::uint64_t switches = 0;
  // Sorted.
  std::vector<std::chrono::microseconds> first_token;
  std::vector<std::chrono::microseconds> latency;  ///< of the attempt that brought the answer
  // Losses of an endpoint, see CallSurvey.
  std::uint64_t losses = 0;
  std::uint64_t losses_stayed = 0;                  ///< the same endpoint answered next
  std::uint64_t losses_open = 0;                    ///< nothing was answered since
  std::vector<std::chrono::microseconds> recovery;  ///< until another endpoint had answered

  /// Cached of all input tokens of the calls with usage; 0 without any.
  [[nodiscard]] double cached_share() const;
  /// Predicted minus reported blocks, of all blocks of the calls compared; 0 without any.
  [[nodiscard]] double prediction_error() const;
  [[nodiscard]] double switches_per_session() const;
};

/// Gathers the model calls of sessions into groups.
///
/// A loss of an endpoint (EndpointLosses) counts for the group of the call that failed; the
/// recovery is the time from the failure to the answer that ended the loss.
class CallSurvey {
 public:
  explicit CallSurvey(std::vector<GroupKey> keys) : keys_(std::move(keys)) {}

  /// The runs of one session, the oldest first, with the model calls of each.
  struct Run {
    std::string workflow;
    std::vector<RecordedModelCall> calls;
  };
  void add(SessionId const& session, std::vector<Run> const& runs);

  /// By the values of the keys, in their order. Ends the survey.
  using Groups = std::map<std::vector<std::string>, CallGroup>;
  [[nodiscard]] Groups finish();

 private:
  struct Place;
  class SessionWalk;
  CallGroup& group_of(Place const& place, std::string const& endpoint, std::string const& served);

  std::vector<GroupKey> keys_;
  Groups groups_;
};

}  // namespace dalsegno::forensics
