#include "tools/dalsegno/forensics/call_survey.h"

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
  bool const has_cost = call.record && call.record->usd && group.cost.add(*call.record->usd);
  if (!has_cost) ++group.without_cost;
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
    struct End {
      RecordedModelCall const* call;
      ModelAttempt const* attempt;
    };
    std::vector<End> ends;
    for (auto const& call : run.calls)
      for (auto const& attempt : call.attempts)
        if (attempt.end != ModelAttemptEnd::open) ends.push_back({&call, &attempt});
    std::ranges::sort(ends, {}, [](End const& end) { return end.attempt->ended; });
    ++run_;
    for (auto const& [call, attempt] : ends) take({session, run.workflow, *call}, *attempt);
  }

  void finish() {
    for (auto const& loss : losses_) ++loss.group->losses_open;
  }

 private:
  struct Loss {
    std::string endpoint;
    Time at;
    std::size_t run = 0;
    Sequence sequence = 0;
    CallGroup* group = nullptr;  // stays where it is: groups are kept in a map
  };

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
    ++group.failed_attempts;
    if (!attempt.retryable || attempt.endpoint.empty()) return;
    if (std::ranges::find(losses_, attempt.endpoint, &Loss::endpoint) != losses_.end()) return;
    ++group.losses;
    losses_.push_back({attempt.endpoint, attempt.ended_at, run_, attempt.ended, &group});
  }

  void answer(Place const& place, ModelAttempt const& attempt) {
    auto& group = survey_.group_of(place, attempt.endpoint, place.call.served);
    add_answer(group, place.call, attempt);
    if (attempt.endpoint.empty()) return;
    if (!last_endpoint_.empty() && last_endpoint_ != attempt.endpoint) ++group.switches;
    last_endpoint_ = attempt.endpoint;
    std::erase_if(losses_, [&](Loss const& loss) {
      // What was under way when the endpoint was lost says nothing of what came after.
      if (loss.run == run_ && attempt.started < loss.sequence) return false;
      if (loss.endpoint == attempt.endpoint)
        ++loss.group->losses_stayed;
      else
        loss.group->recovery.push_back(between(loss.at, attempt.ended_at));
      return true;
    });
  }

  CallSurvey& survey_;
  std::size_t run_ = 0;
  std::string last_endpoint_;
  std::vector<Loss> losses_;  // that nothing has been answered after
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
