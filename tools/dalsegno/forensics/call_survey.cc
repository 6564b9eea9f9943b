#include "tools/dalsegno/forensics/call_survey.h"

#include "tools/dalsegno/forensics/endpoint_losses.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace dalsegno::forensics {

namespace {

constexpr std::array all_keys{GroupKey::tenant,
                              GroupKey::workflow,
                              GroupKey::session,
                              GroupKey::family,
                              GroupKey::model,
                              GroupKey::served,
                              GroupKey::endpoint};

double ratio(double part, std::uint64_t whole) {
  return whole == 0 ? 0 : part / static_cast<double>(whole);
}

void add_usage(RecordedUsage& sum, RecordedUsage const& usage) {
  sum.input += usage.input;
  sum.cached += usage.cached;
  sum.cache_write += usage.cache_write;
  sum.output += usage.output;
  sum.reasoning += usage.reasoning;
}

void add_answer(CallGroup& group, RecordedModelCall const& call, ModelAttempt const& attempt) {
  ++group.calls;
  if (!call.record) {
    ++group.without_record;
    group.latency.push_back(between(attempt.started_at, attempt.ended_at));
  }
  if (call.usage) {
    add_usage(group.usage, *call.usage);
  } else {
    ++group.without_usage;
  }
  if (call.is_summary) ++group.summaries;
  auto& cost = call.is_summary ? group.summary_cost : group.cost;
  bool const has_cost = call.record && call.record->usd && cost.add(*call.record->usd);
  if (!has_cost) ++(call.is_summary ? group.summaries_without_cost : group.without_cost);
  if (!call.record) return;
  if (call.record->first_token) group.first_token.push_back(*call.record->first_token);
  if (call.record->elapsed) group.latency.push_back(*call.record->elapsed);
  if (auto const& prediction = call.record->prediction) {
    ++group.compared;
    group.blocks += prediction->blocks;
    group.predicted_blocks += prediction->predicted;
    group.reported_blocks += prediction->reported;
    ++group.misses[prediction->miss];
  }
}

void add_failure(CallGroup& group, ModelAttempt const& attempt) {
  ++group.failed_attempts;
  bool const has_cost = attempt.failed_usd && group.failed_cost.add(*attempt.failed_usd);
  if (!attempt.failed_usage) return;
  add_usage(group.failed_usage, *attempt.failed_usage);
  ++group.failed_with_usage;
  if (!has_cost) ++group.failed_without_cost;
}

}  // namespace

std::string_view name_of(GroupKey key) {
  switch (key) {
    case GroupKey::tenant:
      return "tenant";
    case GroupKey::workflow:
      return "workflow";
    case GroupKey::session:
      return "session";
    case GroupKey::family:
      return "family";
    case GroupKey::model:
      return "model";
    case GroupKey::served:
      return "served";
    case GroupKey::endpoint:
      return "endpoint";
  }
  return "unknown";
}

Result<std::vector<GroupKey>> parse_group_keys(std::string_view text) {
  std::vector<GroupKey> keys;
  for (std::size_t begin = 0; begin <= text.size();) {
    auto const end = std::min(text.find(',', begin), text.size());
    auto const word = text.substr(begin, end - begin);
    auto const key = std::ranges::find(all_keys, word, [](GroupKey one) { return name_of(one); });
    if (key == all_keys.end()) {
      std::string known;
      for (auto const one : all_keys)
        known += (known.empty() ? "" : ", ") + std::string(name_of(one));
      return Error{Errc::invalid,
                   "\"" + std::string(word) + "\" is nothing to group by; there is " + known};
    }
    if (std::ranges::find(keys, *key) != keys.end())
      return Error{Errc::invalid, "\"" + std::string(word) + "\" is there twice"};
    keys.push_back(*key);
    begin = end + 1;
  }
  return keys;
}

double CallGroup::cached_share() const {
  return ratio(static_cast<double>(usage.cached), usage.input);
}

double CallGroup::prediction_error() const {
  return ratio(static_cast<double>(predicted_blocks) - static_cast<double>(reported_blocks),
               blocks);
}

double CallGroup::switches_per_session() const {
  return ratio(static_cast<double>(switches), sessions.size());
}

/// Where a call belongs, apart from who served it.
struct CallSurvey::Place {
  SessionId const& session;
  std::string const& workflow;
  RecordedModelCall const& call;
};

CallGroup& CallSurvey::group_of(Place const& place,
                                std::string const& endpoint,
                                std::string const& served) {
  auto const or_dash = [](std::string const& text) { return text.empty() ? "-" : text; };
  std::vector<std::string> values;
  for (auto const key : keys_) {
    switch (key) {
      case GroupKey::tenant:
        values.push_back(place.session.tenant);
        break;
      case GroupKey::workflow:
        values.push_back(or_dash(place.workflow));
        break;
      case GroupKey::session:
        values.push_back(place.session.name);
        break;
      case GroupKey::family:
        values.push_back(place.call.family);
        break;
      case GroupKey::model:
        values.push_back(or_dash(place.call.model));
        break;
      case GroupKey::served:
        values.push_back(or_dash(served));
        break;
      case GroupKey::endpoint:
        values.push_back(or_dash(endpoint));
        break;
    }
  }
  auto& group = groups_[std::move(values)];
  group.sessions.insert(place.session);
  return group;
}

/// The ends of one session's attempts in the order in which they were recorded.
class CallSurvey::SessionWalk {
 public:
  explicit SessionWalk(CallSurvey& survey) : survey_(survey) {}

  void walk(SessionId const& session, Run const& run) {
    losses_.begin_run();
    for (auto const& [call, attempt] : ended_attempts(run.calls))
      take({session, run.workflow, *call}, *attempt);
  }

  void finish() {
    for (std::size_t i = 0; i < losers_.size(); ++i)
      if (!losses_.all()[i].ended) ++losers_[i]->losses_open;
  }

 private:
  void take(Place const& place, ModelAttempt const& attempt) {
    if (attempt.end == ModelAttemptEnd::orphaned) {
      ++survey_.group_of(place, attempt.endpoint, "").orphaned_attempts;
    } else if (attempt.end == ModelAttemptEnd::failed) {
      fail(place, attempt);
    } else {
      answer(place, attempt);
    }
  }

  void fail(Place const& place, ModelAttempt const& attempt) {
    auto& group = survey_.group_of(place, attempt.endpoint, "");
    add_failure(group, attempt);
    if (!losses_.fail(attempt)) return;
    ++group.losses;
    losers_.push_back(&group);
  }

  void answer(Place const& place, ModelAttempt const& attempt) {
    auto& group = survey_.group_of(place, attempt.endpoint, place.call.served);
    add_answer(group, place.call, attempt);
    if (attempt.endpoint.empty()) return;
    if (!last_endpoint_.empty() && last_endpoint_ != attempt.endpoint) ++group.switches;
    last_endpoint_ = attempt.endpoint;
    for (auto const i : losses_.answer(attempt)) {
      auto const& loss = losses_.all()[i];
      if (loss.moved)
        losers_[i]->recovery.push_back(between(loss.at, *loss.ended));
      else
        ++losers_[i]->losses_stayed;
    }
  }

  CallSurvey& survey_;
  std::string last_endpoint_;
  EndpointLosses losses_;
  std::vector<CallGroup*> losers_;  // of each loss; they stay where they are, in a map
};

void CallSurvey::add(SessionId const& session, std::vector<Run> const& runs) {
  SessionWalk walk(*this);
  for (auto const& run : runs) walk.walk(session, run);
  walk.finish();
}

CallSurvey::Groups CallSurvey::finish() {
  for (auto& [values, group] : groups_) {
    std::ranges::sort(group.first_token);
    std::ranges::sort(group.latency);
    std::ranges::sort(group.recovery);
  }
  return std::exchange(groups_, {});
}

}  // namespace dalsegno::forensics
