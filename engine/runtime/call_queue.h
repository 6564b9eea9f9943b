#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/queues.h"
#include "dalsegno/result.h"
#include "engine/session/step_result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// Of the machine's steady clock.
using SteadyTime = std::chrono::steady_clock::time_point;

/// How many thread-seconds a tenant that has had less than others may be served ahead of them: what
/// it did not use before that is forgotten.
inline constexpr std::chrono::duration<double> fairness_credit{1.0};

/// One queue of calls: which of them is next, by its limits and by fairness to tenants.
///
/// Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) over tenants, with bounded credit: a
/// tenant's tag grows by the time its calls take; the smallest tag is served; one that comes back
/// starts at most `fairness_credit` behind the tag that was served last.
/// Time: logarithmic in the tenants and sessions that wait. Thread: one at a time.
class CallQueue {
 public:
  explicit CallQueue(QueueOptions options);

  [[nodiscard]] QueueOptions const& options() const { return options_; }
  [[nodiscard]] bool takes(StartAttempt const& attempt) const;

  void add(StartAttempt attempt, SteadyTime now);
  /// The next call that may begin now. nullopt: none may; `ready_at` says from when on the rate
  /// allows one, if that is what they wait for.
  [[nodiscard]] std::optional<StartAttempt> next(SteadyTime now);
  [[nodiscard]] std::optional<SteadyTime> ready_at(SteadyTime now) const;
  /// A call that `next` gave has ended, or was not performed.
  void ended(SessionId const& session, std::chrono::duration<double> took);
  /// Drops what waits.
  void clear();

  [[nodiscard]] QueueStatus status(SteadyTime now) const;
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  /// How many it keeps something of.
  [[nodiscard]] std::size_t tenants() const { return tenants_.size(); }

 private:
  struct Waiting {
    StartAttempt attempt;
    SteadyTime since;
    std::uint64_t number = 0;  // in the order in which they came
  };
  struct OfSession {
    std::deque<Waiting> parked;  // behind the session's limit
    std::size_t running = 0;
  };
  struct Tenant {
    double tag = 0;
    double charged = 0;  // for each call that has not ended
    std::deque<Waiting> waiting;
    std::map<std::string, OfSession, std::less<>> sessions;  // only with a limit of sessions
    std::size_t parked = 0;
    std::size_t running = 0;
  };
  /// So many tenants are looked through for idle ones.
  static constexpr std::size_t least_forgotten_from = 1'024;
  using Order = std::pair<double, std::string>;  // tag, tenant

  [[nodiscard]] static bool is_idle(Tenant const& tenant);
  [[nodiscard]] bool may_be_served(Tenant const& tenant) const;
  void list(std::string const& name, Tenant& tenant);
  void unlist(std::string const& name, Tenant const& tenant);
  void park(Tenant& tenant);
  void unpark(Tenant& tenant, std::string const& session);
  void forget_idle();
  [[nodiscard]] bool rate_allows(SteadyTime now) const;

  QueueOptions options_;
  std::map<std::string, Tenant, std::less<>> tenants_;
  std::set<Order> served_next_;  // tenants of which a call may begin
  double served_tag_ = 0;        // of the tenant that was served last
  double usual_ = 1e-3;          // seconds that a call took lately
  std::size_t forget_from_ = least_forgotten_from;
  std::deque<SteadyTime> begun_;  // within the rate's window, oldest first
  std::uint64_t numbers_ = 0;
  std::size_t waiting_ = 0;
  std::size_t running_ = 0;
};

/// The queues of a runtime, the default one last.
class CallQueues {
 public:
  /// Errors: Errc::invalid for names and globs that are not as QueueOptions asks.
  [[nodiscard]] static Result<> check(std::vector<QueueOptions> const& options);

  /// `options`: checked.
  explicit CallQueues(std::vector<QueueOptions> options);

  void add(StartAttempt attempt, SteadyTime now);
  /// What is to begin now: of the queue with the highest priority that has something, in turns
  /// where they are equal. With it, the place of its queue, for `ended`.
  struct Next {
    StartAttempt attempt;
    std::size_t queue = 0;
  };
  [[nodiscard]] std::optional<Next> next(SteadyTime now);
  /// From when on `next` may give something though nothing ends before.
  [[nodiscard]] std::optional<SteadyTime> ready_at(SteadyTime now) const;
  void ended(std::size_t queue, SessionId const& session, std::chrono::duration<double> took);
  void clear();

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::vector<QueueStatus> status(SteadyTime now) const;

 private:
  std::vector<CallQueue> queues_;
  std::vector<std::size_t> order_;  // by priority, then in turns
};

}  // namespace dalsegno::engine
