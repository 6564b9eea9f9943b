#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "engine/policy/ambient.h"
#include "engine/policy/policy.h"
#include "engine/runtime/rate_places.h"
#include "storage/log/event_log.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// Which counters policies ask that a session does not know by itself.
struct CountersAsked {
  bool ever = false;              ///< of a tenant, without a window
  bool of_sessions = false;       ///< of one session over a window
  std::chrono::seconds window{};  ///< the longest; 0: none
  Rates rates = {};

  [[nodiscard]] bool any() const { return ever || window.count() > 0 || !rates.empty(); }
};
/// Of the active policy, and of those that are asked beside it: these see its rates only.
[[nodiscard]] CountersAsked counters_asked(PolicySet const& policy,
                                           std::span<PolicySet const> shadows = {});

/// Counts the calls of tenants and sessions, ever and over windows, for one store; and what they
/// use up of the rates of rules.
///
/// Calls are counted when they start, retries apart, in buckets of time: 1/512 of the longest
/// window that is asked, at least a second. A bucket that lies partly in a window counts as a
/// whole, so an answer is never too small. Memory: at most 514 buckets for each tenant (and, where
/// windows of sessions are asked, each session that called within the window) and name.
/// Thread: any.
class CallCounters {
 public:
  explicit CallCounters(CountersAsked asked);
  CallCounters(CallCounters const&) = delete;
  CallCounters& operator=(CallCounters const&) = delete;

  /// Counts what the log has: all of it where a counter without a window is asked, else the
  /// sessions that changed within the longest window. Reads their whole runs. Errors: those of the
  /// log.
  [[nodiscard]] Result<> read(storage::EventLog const& log, Time now);

  void add(SessionId const& session, std::string_view action, std::string_view resource, Time at);
  /// Takes back one that did not start after all.
  void take_back(SessionId const& session,
                 std::string_view action,
                 std::string_view resource,
                 Time at);
  /// nullopt: it is not among those that are asked.
  [[nodiscard]] std::optional<std::uint64_t> count(SessionId const& session,
                                                   CounterKey const& key,
                                                   Time now) const;
  [[nodiscard]] RatePlaces& rates() { return rates_; }

 private:
  struct Bucket {
    Time begin;
    std::uint64_t calls = 0;
  };
  struct Series {
    std::uint64_t ever = 0;
    std::deque<Bucket> buckets;  // by time
  };

  template <class Change>
  void change(SessionId const& session,
              std::string_view action,
              std::string_view resource,
              Change change);
  [[nodiscard]] Time bucket_of(Time at) const;
  void forget_before(Time oldest);

  // Set in the constructor.
  CountersAsked asked_;
  std::chrono::microseconds width_;
  // Has a lock of its own.
  RatePlaces rates_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::map<std::string, Series, std::less<>> series_;
  std::size_t added_ = 0;  // since series were last looked through
};

/// The counters as the sessions of one shard ask for them. Thread: one.
class ShardCounters final : public PolicyAmbient, public CallReservations {
 public:
  /// `counters` outlives this.
  explicit ShardCounters(CallCounters& counters) : counters_(counters) {}

  /// The next input is of this session.
  void about(SessionId const& session, Time now);
  /// The input became a step: what was reserved for it counts.
  void keep();
  /// The input came to nothing: what was reserved for it does not count.
  void give_back();

  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] std::optional<std::uint64_t> counter(CounterKey const& key) const override;
  [[nodiscard]] std::optional<RateUse> rate(RateKey const& key) const override;
  void reserve(std::string_view action, std::string_view resource, Time at) override;
  void settle(bool started) override;

 private:
  struct Reserved {
    std::string action;
    std::string resource;
    Time at;
    std::vector<std::string> rules = {};  // of whose rates it has a place
  };
  void take_back(Reserved const& reserved);

  CallCounters& counters_;
  SessionId session_;
  Time now_;
  std::vector<Reserved> kept_;                 // of this input, started
  mutable std::optional<Reserved> undecided_;  // a question about a rate takes its place
};

}  // namespace dalsegno::engine
