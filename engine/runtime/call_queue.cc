#include "engine/runtime/call_queue.h"

#include "engine/policy/glob.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dalsegno::engine {

namespace {

constexpr std::string_view default_queue = "default";

std::string full_name(StartAttempt const& attempt) {
  switch (attempt.kind) {
    case storage::OperationKind::model:
      return "model/" + attempt.name;
    case storage::OperationKind::tool:
      return "tool/" + attempt.name;
    default:
      return "activity/" + attempt.name;
  }
}

}  // namespace

// ---- one queue ----

CallQueue::CallQueue(QueueOptions options) : options_(std::move(options)) {}

bool CallQueue::takes(StartAttempt const& attempt) const {
  auto const name = full_name(attempt);
  return std::ranges::any_of(options_.calls,
                             [&](std::string const& glob) { return glob_matches(glob, name); });
}

bool CallQueue::is_idle(Tenant const& tenant) {
  return tenant.waiting.empty() && tenant.parked == 0 && tenant.running == 0;
}

bool CallQueue::may_be_served(Tenant const& tenant) const {
  return !tenant.waiting.empty() &&
         (options_.per_tenant == 0 || tenant.running < options_.per_tenant);
}

void CallQueue::list(std::string const& name, Tenant& tenant) {
  if (may_be_served(tenant)) served_next_.emplace(tenant.tag, name);
}

void CallQueue::unlist(std::string const& name, Tenant const& tenant) {
  served_next_.erase({tenant.tag, name});
}

/// Puts aside what stands first but may not begin before another call of its session has ended.
void CallQueue::park(Tenant& tenant) {
  if (options_.per_session == 0) return;
  while (!tenant.waiting.empty()) {
    auto& first = tenant.waiting.front();
    auto& session = tenant.sessions[first.attempt.session.name];
    if (session.running < options_.per_session) return;
    session.parked.push_back(std::move(first));
    tenant.waiting.pop_front();
    ++tenant.parked;
  }
}

/// Lets the oldest call that was put aside stand where it stood.
void CallQueue::unpark(Tenant& tenant, std::string const& name) {
  auto const found = tenant.sessions.find(name);
  if (found == tenant.sessions.end()) return;
  auto& session = found->second;
  if (!session.parked.empty()) {
    auto const place = std::ranges::lower_bound(
        tenant.waiting, session.parked.front().number, {}, &Waiting::number);
    tenant.waiting.insert(place, std::move(session.parked.front()));
    session.parked.pop_front();
    --tenant.parked;
  } else if (session.running == 0) {
    tenant.sessions.erase(found);
  }
}

void CallQueue::add(StartAttempt attempt, SteadyTime now) {
  auto const name = attempt.session.tenant;
  auto& tenant = tenants_[name];
  unlist(name, tenant);
  if (is_idle(tenant)) tenant.tag = std::max(tenant.tag, served_tag_ - fairness_credit.count());
  tenant.waiting.push_back({std::move(attempt), now, numbers_++});
  ++waiting_;
  park(tenant);
  list(name, tenant);
}

bool CallQueue::rate_allows(SteadyTime now) const {
  return options_.rate.calls == 0 || begun_.size() < options_.rate.calls ||
         now - begun_[begun_.size() - options_.rate.calls] >= options_.rate.window;
}

std::optional<StartAttempt> CallQueue::next(SteadyTime now) {
  if (served_next_.empty()) return std::nullopt;
  if (options_.concurrency != 0 && running_ >= options_.concurrency) return std::nullopt;
  if (!rate_allows(now)) return std::nullopt;
  auto const name = served_next_.begin()->second;
  auto& tenant = tenants_.at(name);
  unlist(name, tenant);
  auto attempt = std::move(tenant.waiting.front().attempt);
  tenant.waiting.pop_front();
  --waiting_;
  ++running_;
  ++tenant.running;
  if (options_.per_session != 0) ++tenant.sessions[attempt.session.name].running;
  served_tag_ = std::max(served_tag_, tenant.tag);
  // What it takes is not known before its end: until then it counts as much as others took.
  tenant.tag += usual_;
  tenant.charged += usual_;
  park(tenant);
  list(name, tenant);
  if (options_.rate.calls != 0) {
    begun_.push_back(now);
    if (begun_.size() > options_.rate.calls) begun_.pop_front();
  }
  return attempt;
}

std::optional<SteadyTime> CallQueue::ready_at(SteadyTime now) const {
  bool const full = options_.concurrency != 0 && running_ >= options_.concurrency;
  if (served_next_.empty() || full || rate_allows(now)) return std::nullopt;
  return begun_[begun_.size() - options_.rate.calls] + options_.rate.window;
}

void CallQueue::ended(SessionId const& session, std::chrono::duration<double> took) {
  auto const found = tenants_.find(session.tenant);
  if (found == tenants_.end()) return;
  auto const& name = found->first;
  auto& tenant = found->second;
  unlist(name, tenant);
  auto const charged = tenant.charged / static_cast<double>(tenant.running);
  tenant.charged -= charged;
  tenant.tag += took.count() - charged;
  constexpr double share_of_newest = 0.1;
  usual_ += share_of_newest * (took.count() - usual_);
  --tenant.running;
  --running_;
  if (options_.per_session != 0) {
    if (auto const of = tenant.sessions.find(session.name); of != tenant.sessions.end())
      --of->second.running;
    unpark(tenant, session.name);
    park(tenant);
  }
  list(name, tenant);
  if (tenants_.size() >= forget_from_) forget_idle();
}

/// Memory is bounded by what waits and runs: of the many tenants that do neither nothing is kept.
/// One of them that comes back may get its credit once more.
void CallQueue::forget_idle() {
  std::erase_if(tenants_, [](auto const& entry) { return is_idle(entry.second); });
  forget_from_ = std::max(least_forgotten_from, 2 * tenants_.size());
}

void CallQueue::clear() {
  served_next_.clear();
  for (auto& [name, tenant] : tenants_) {
    tenant.waiting.clear();
    tenant.parked = 0;
    for (auto& [session, of] : tenant.sessions) of.parked.clear();
  }
  waiting_ = 0;
}

QueueStatus CallQueue::status(SteadyTime now) const {
  QueueStatus status{options_.name, waiting_, running_, {}};
  auto oldest = now;
  for (auto const& [name, tenant] : tenants_) {
    if (!tenant.waiting.empty()) oldest = std::min(oldest, tenant.waiting.front().since);
    for (auto const& [session, of] : tenant.sessions)
      if (!of.parked.empty()) oldest = std::min(oldest, of.parked.front().since);
  }
  status.oldest = std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest);
  return status;
}

// ---- all of them ----

Result<> CallQueues::check(std::vector<QueueOptions> const& options) {
  std::set<std::string_view> names{default_queue};
  for (auto const& queue : options) {
    auto const wrong = [&](std::string const& what) {
      return Error{Errc::invalid, "queue \"" + queue.name + "\": " + what};
    };
    constexpr std::size_t longest_name = 64;
    if (queue.name.empty() || queue.name.size() > longest_name)
      return wrong("a name has 1 to 64 bytes");
    if (!names.insert(queue.name).second) return wrong("there is another one of that name");
    if (queue.calls.empty()) return wrong("it names no calls: give globs such as \"tool/*\"");
    for (auto const& glob : queue.calls) {
      bool const known = glob.starts_with("activity/") || glob.starts_with("tool/") ||
                         glob.starts_with("model/") || glob.starts_with('*');
      if (!known)
        return wrong("\"" + glob +
                     "\" matches no call: begin with \"activity/\", \"tool/\" or \"model/\"");
    }
    if (queue.rate.calls != 0 && queue.rate.window <= std::chrono::milliseconds(0))
      return wrong("the window of its rate is not longer than 0");
  }
  return {};
}

CallQueues::CallQueues(std::vector<QueueOptions> options) {
  for (auto& queue : options) queues_.emplace_back(std::move(queue));
  queues_.emplace_back(QueueOptions{.name = std::string(default_queue), .calls = {"*"}});
  for (std::size_t i = 0; i < queues_.size(); ++i) order_.push_back(i);
  std::ranges::sort(order_, [this](std::size_t a, std::size_t b) {
    auto const of_a = queues_[a].options().priority;
    auto const of_b = queues_[b].options().priority;
    return of_a != of_b ? of_a > of_b : a < b;
  });
}

void CallQueues::add(StartAttempt attempt, SteadyTime now) {
  // The default one, the last, takes everything.
  auto const queue =
      std::find_if(queues_.begin(), std::prev(queues_.end()), [&](CallQueue const& candidate) {
        return candidate.takes(attempt);
      });
  queue->add(std::move(attempt), now);
}

std::optional<CallQueues::Next> CallQueues::next(SteadyTime now) {
  for (auto at = order_.begin(); at != order_.end(); ++at) {
    auto const place = *at;
    auto attempt = queues_[place].next(now);
    if (!attempt) continue;
    // Those of the same priority come first the next time.
    auto const priority = queues_[place].options().priority;
    auto const end = std::find_if(std::next(at), order_.end(), [&](std::size_t other) {
      return queues_[other].options().priority != priority;
    });
    std::rotate(at, std::next(at), end);
    return Next{std::move(*attempt), place};
  }
  return std::nullopt;
}

std::optional<SteadyTime> CallQueues::ready_at(SteadyTime now) const {
  std::optional<SteadyTime> first;
  for (auto const& queue : queues_)
    if (auto const at = queue.ready_at(now); at && (!first || *at < *first)) first = at;
  return first;
}

void CallQueues::ended(std::size_t queue,
                       SessionId const& session,
                       std::chrono::duration<double> took) {
  queues_.at(queue).ended(session, took);
}

void CallQueues::clear() {
  for (auto& queue : queues_) queue.clear();
}

std::size_t CallQueues::waiting() const {
  std::size_t waiting = 0;
  for (auto const& queue : queues_) waiting += queue.waiting();
  return waiting;
}

std::vector<QueueStatus> CallQueues::status(SteadyTime now) const {
  std::vector<QueueStatus> all;
  all.reserve(queues_.size());
  for (auto const& queue : queues_) all.push_back(queue.status(now));
  return all;
}

}  // namespace dalsegno::engine
