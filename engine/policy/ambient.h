#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "engine/policy/grammar.h"

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// Whose calls a counter counts.
enum class CounterScope : std::uint8_t { session, tenant };

/// Which calls a counter counts: those that were permitted and started, without the one that is
/// being decided.
struct CounterKey {
  CounterScope scope = CounterScope::session;
  std::string_view action;
  std::string_view resource;                   ///< a name, or "*": all of the action
  std::optional<std::chrono::seconds> window;  ///< of the last so many seconds; absent: ever
};

/// "calls/session/tool.call/refund", "calls/tenant/3600s/tool.call/*": how a counter is recorded.
[[nodiscard]] std::string name_of(CounterKey const& key);

/// The obligation `rate`: so many calls in any span of time of this length.
struct RateLimit {
  std::uint64_t calls = 0;
  std::chrono::seconds per{};
};
/// Which calls a rate counts: those of the tenant that started with a permit of this rule.
struct RateKey {
  std::string_view rule;
  RateLimit limit;
};
/// What of a rate is used up.
struct RateUse {
  std::uint64_t calls = 0;      ///< in the span of time that ends now
  std::optional<Time> free_at;  ///< when there is room for one more; absent: now
};

/// "rate/60s/models": how the use of a rate is recorded.
[[nodiscard]] std::string name_of(RateKey const& key);

/// What a decision may ask of its surroundings. Everything that was asked is in the decision, so
/// that it can be made again later.
///
/// `decide` asks each thing at most once. Thread: that of `decide`.
class PolicyAmbient {
 public:
  PolicyAmbient() = default;
  PolicyAmbient(PolicyAmbient const&) = delete;
  PolicyAmbient& operator=(PolicyAmbient const&) = delete;
  virtual ~PolicyAmbient() = default;

  [[nodiscard]] virtual Time now() const = 0;
  /// nullopt: not known, and a condition about it fails to evaluate.
  [[nodiscard]] virtual std::optional<std::uint64_t> counter(CounterKey const&) const {
    return std::nullopt;
  }
  /// An attribute that the request does not give: a resolver's answer. nullopt: there is none.
  [[nodiscard]] virtual std::optional<Json> attribute(std::string_view) const {
    return std::nullopt;
  }
  /// How much of a rate is used up. Is asked for the first attempt of a call that is permitted
  /// otherwise; whoever keeps rates keeps a place for that call if there is one. nullopt: they are
  /// not kept here, and the obligation is left to whoever acts.
  [[nodiscard]] virtual std::optional<RateUse> rate(RateKey const&) const { return std::nullopt; }
  /// The obligations that the caller is able to meet. A permit with another one denies.
  [[nodiscard]] virtual ObligationKinds fulfils() const { return ObligationKinds().set(); }
};

/// Keeps counters over sessions. A call is reserved before it is decided, so that two that are
/// decided at once do not both take the last place; `counter` answers without the one that is being
/// decided.
class CallReservations {
 public:
  CallReservations() = default;
  CallReservations(CallReservations const&) = delete;
  CallReservations& operator=(CallReservations const&) = delete;
  virtual ~CallReservations() = default;

  /// The first attempt of a call is being decided.
  virtual void reserve(std::string_view action, std::string_view resource, Time at) = 0;
  /// How that came out: whether the attempt starts.
  virtual void settle(bool started) = 0;
};

/// Surroundings where only the time is known.
class PolicyTime final : public PolicyAmbient {
 public:
  explicit PolicyTime(Time now, ObligationKinds fulfils = ObligationKinds().set())
      : now_(now), fulfils_(fulfils) {}
  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] ObligationKinds fulfils() const override { return fulfils_; }

 private:
  Time now_;
  ObligationKinds fulfils_;
};

}  // namespace dalsegno::engine
