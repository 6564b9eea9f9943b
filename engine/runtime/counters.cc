#include "engine/runtime/counters.h"

#include "dalsegno/try.h"
#include "engine/policy/rate.h"
#include "engine/session/call_policy.h"
#include "engine/session/overloaded.h"
#include "storage/event/codec.h"
#include "storage/event/copied.h"
#include "storage/log/journal.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {
namespace {

constexpr std::size_t buckets_of_window = 512;
constexpr std::string_view all_names = "*";

void look(Condition const& condition, CountersAsked& asked) {
  auto const look_at_all = [&](std::vector<Condition> const& conditions) {
    for (auto const& one : conditions) look(one, asked);
  };
  std::visit(overloaded{[&](All const& all) { look_at_all(all.of); },
                        [&](Any const& any) { look_at_all(any.of); },
                        [&](Not const& negated) { look_at_all(negated.of); },
                        [&](CounterTest const& test) {
                          bool const of_session = test.per == CounterScope::session;
                          asked.ever = asked.ever || (!of_session && !test.window);
                          asked.of_sessions = asked.of_sessions || (of_session && test.window);
                          if (test.window) asked.window = std::max(asked.window, *test.window);
                        },
                        [](auto const&) {}},
             condition.node);
}

/// Unit separators stand in no id: keys of different things differ.
std::string key_of(std::string_view tenant,
                   std::string_view session,
                   std::string_view action,
                   std::string_view resource) {
  std::string key;
  for (auto const part : {tenant, session, action, resource}) key.append(part) += '\x1f';
  return key;
}

/// The calls of one run that started, as the log has them.
class RunCalls {
 public:
  RunCalls(CallCounters& counters, SessionId const& session)
      : counters_(counters), session_(session) {}

  void take(storage::Event const& event, Time recorded_at) {
    if (event.sequence == 1) copied_up_to_ = storage::copied_up_to(event.body);
    if (auto const* const requested = std::get_if<storage::OperationRequested>(&event.body)) {
      calls_[event.operation] = {action_of(requested->kind), requested->name, {}};
    } else if (auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body)) {
      auto const call = calls_.find(event.operation);
      if (call != calls_.end()) call->second.rules = rated_rules(*decided);
    } else if (auto const* const started = std::get_if<storage::AttemptStarted>(&event.body)) {
      if (started->attempt == 1) count(event, recorded_at);
    } else if (std::holds_alternative<storage::ChildStarted>(event.body)) {
      count(event, recorded_at);
    }
  }

 private:
  void count(storage::Event const& event, Time recorded_at) {
    auto const call = calls_.find(event.operation);
    if (call == calls_.end()) return;
    if (event.sequence <= copied_up_to_) {  // it was another run's, and is counted there
      calls_.erase(call);
      return;
    }
    auto const& [action, name, rules] = call->second;
    counters_.add(session_, action, name, recorded_at);
    for (auto const& rule : rules) counters_.rates().add(session_.tenant, rule, recorded_at);
    calls_.erase(call);
  }

  CallCounters& counters_;
  SessionId const& session_;
  struct Call {
    std::string_view action;
    std::string name;
    std::vector<std::string> rules;  // whose rates its newest decision uses up
  };
  std::map<OperationId, Call> calls_;
  Sequence copied_up_to_ = 0;
};

}  // namespace

CountersAsked counters_asked(PolicySet const& policy, std::span<PolicySet const> shadows) {
  CountersAsked asked;
  auto const look_at = [&asked](PolicySet const& set) {
    for (auto const& rule : set.rules()) {
      if (rule.when) look(*rule.when, asked);
      if (auto const rate = rate_of(rule)) asked.rates.emplace(rule.id, *rate);
    }
  };
  look_at(policy);
  for (auto const& shadow : shadows) look_at(shadow);
  return asked;
}

CallCounters::CallCounters(CountersAsked asked)
    : asked_(std::move(asked)),
      width_(std::max<std::chrono::microseconds>(
          std::chrono::microseconds(asked_.window) / buckets_of_window, std::chrono::seconds(1))),
      rates_(asked_.rates) {}

Time CallCounters::bucket_of(Time at) const {
  return Time(at.time_since_epoch() / width_ * width_);
}

template <class Change>
void CallCounters::change(SessionId const& session,
                          std::string_view action,
                          std::string_view resource,
                          Change change) {
  for (auto const name : std::array{resource, all_names}) {
    change(series_[key_of(session.tenant, {}, action, name)]);
    if (asked_.of_sessions) change(series_[key_of(session.tenant, session.name, action, name)]);
    if (resource == all_names) break;
  }
}

void CallCounters::add(SessionId const& session,
                       std::string_view action,
                       std::string_view resource,
                       Time at) {
  std::lock_guard const lock(mutex_);
  auto const begin = bucket_of(at);
  change(session, action, resource, [&](Series& series) {
    ++series.ever;
    if (asked_.window.count() == 0) return;
    auto& buckets = series.buckets;
    auto const place = std::ranges::lower_bound(buckets, begin, {}, &Bucket::begin);
    if (place != buckets.end() && place->begin == begin) {
      ++place->calls;
    } else {
      buckets.insert(place, {begin, 1});
    }
    // Of this call's time: a clock that was set back must not lose the calls that it counts now.
    auto const oldest = begin - asked_.window - width_;
    while (buckets.front().begin < oldest) buckets.pop_front();
  });
  constexpr std::size_t look_through_after = 65'536;
  if (++added_ < look_through_after) return;
  added_ = 0;
  if (!asked_.ever) forget_before(at - asked_.window - width_);
}

void CallCounters::forget_before(Time oldest) {
  std::erase_if(series_, [oldest](auto const& entry) {
    auto const& buckets = entry.second.buckets;
    return buckets.empty() || buckets.back().begin < oldest;
  });
}

void CallCounters::take_back(SessionId const& session,
                             std::string_view action,
                             std::string_view resource,
                             Time at) {
  std::lock_guard const lock(mutex_);
  auto const begin = bucket_of(at);
  change(session, action, resource, [&](Series& series) {
    if (series.ever > 0) --series.ever;
    auto const found = std::ranges::find(series.buckets, begin, &Bucket::begin);
    if (found != series.buckets.end() && found->calls > 0) --found->calls;
  });
}

std::optional<std::uint64_t> CallCounters::count(SessionId const& session,
                                                 CounterKey const& key,
                                                 Time now) const {
  bool const of_session = key.scope == CounterScope::session;
  bool const known = key.window
                         ? *key.window <= asked_.window && (!of_session || asked_.of_sessions)
                         : asked_.ever && !of_session;
  if (!known) return std::nullopt;
  std::lock_guard const lock(mutex_);
  auto const found = series_.find(key_of(
      session.tenant, of_session ? std::string_view(session.name) : "", key.action, key.resource));
  if (found == series_.end()) return 0;
  if (!key.window) return found->second.ever;
  std::uint64_t calls = 0;
  // A clock that was set back sees what lies ahead of it as well.
  for (auto const& bucket : found->second.buckets)
    if (bucket.begin + width_ > now - *key.window) calls += bucket.calls;
  return calls;
}

Result<> CallCounters::read(storage::EventLog const& log, Time now) {
  std::vector<SessionId> sessions;
  auto const oldest = now - std::max(asked_.window + width_, rates_.longest());
  TRY_VOID(log.scan_heads([&](SessionId const& session, storage::Head const& head) {
    bool const recent = asked_.ever || head.updated_at >= oldest;
    if (recent && session != storage::journal_session()) sessions.push_back(session);
    return true;
  }));
  for (auto const& session : sessions) {
    TRY(auto const runs, log.runs(session));
    for (auto const& run : runs) {
      RunCalls calls(*this, session);
      TRY_VOID(log.read_steps(session, run, 1, [&](std::string_view bytes) {
        auto const step = storage::decode(bytes, storage::Reading::show);
        if (!step) return false;  // whoever runs the session says what is wrong with it
        for (auto const& event : step->step.events)
          calls.take(event, step->step.header.recorded_at);
        return true;
      }));
    }
  }
  return {};
}

// ---- for the sessions of a shard ----

void ShardCounters::about(SessionId const& session, Time now) {
  keep();
  session_ = session;
  now_ = now;
}

void ShardCounters::keep() {
  settle(false);  // of an input that ended in the middle of a decision
  kept_.clear();
}

void ShardCounters::give_back() {
  settle(false);
  for (auto const& reserved : std::exchange(kept_, {})) take_back(reserved);
}

void ShardCounters::take_back(Reserved const& reserved) {
  counters_.take_back(session_, reserved.action, reserved.resource, reserved.at);
  for (auto const& rule : reserved.rules)
    counters_.rates().give_back(session_.tenant, rule, reserved.at);
}

std::optional<std::uint64_t> ShardCounters::counter(CounterKey const& key) const {
  auto count = counters_.count(session_, key, now_);
  bool const counts_itself = undecided_ && undecided_->action == key.action &&
                             (key.resource == all_names || undecided_->resource == key.resource);
  if (count && *count > 0 && counts_itself) --*count;
  return count;
}

std::optional<RateUse> ShardCounters::rate(RateKey const& key) const {
  if (!undecided_) return std::nullopt;
  auto const use = counters_.rates().take(session_.tenant, key, now_);
  if (!use.free_at) undecided_->rules.emplace_back(key.rule);
  return use;
}

void ShardCounters::reserve(std::string_view action, std::string_view resource, Time at) {
  settle(false);
  now_ = at;
  undecided_ = Reserved{std::string(action), std::string(resource), at};
  counters_.add(session_, action, resource, at);
}

void ShardCounters::settle(bool started) {
  if (!undecided_) return;
  auto const reserved = std::exchange(undecided_, std::nullopt);
  if (started) {
    kept_.push_back(*reserved);
  } else {
    take_back(*reserved);
  }
}

}  // namespace dalsegno::engine
