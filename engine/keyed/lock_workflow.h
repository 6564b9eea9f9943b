#pragma once

#include "dalsegno/payload.h"
#include "dalsegno/workflow.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// What a session asks of a lock: the payload of a signal "lock".
struct LockAsk {
  enum class Verb : std::uint8_t { acquire, renew, release, leave };
  BOOST_DESCRIBE_NESTED_ENUM(Verb, acquire, renew, release, leave)

  Verb verb = Verb::acquire;
  std::string session;  ///< that asks
  std::string promise;  ///< that is kept with the answer; of `leave`: that of the acquire
  std::int64_t lease_ms = 0;
  std::uint64_t fence = 0;  ///< of renew and release
};
BOOST_DESCRIBE_STRUCT(LockAsk, (), (verb, session, promise, lease_ms, fence))

/// What an acquire or a renew comes to; a fence of 0: nothing.
struct LockAnswer {
  std::uint64_t fence = 0;
  std::int64_t until_us = 0;
};
BOOST_DESCRIBE_STRUCT(LockAnswer, (), (fence, until_us))

struct LockHolder {
  std::string session;
  std::string promise;
  std::uint64_t fence = 0;
  std::int64_t until_us = 0;
};
BOOST_DESCRIBE_STRUCT(LockHolder, (), (session, promise, fence, until_us))

struct LockWaiter {
  std::string session;
  std::string promise;
  std::int64_t lease_ms = 0;
};
BOOST_DESCRIBE_STRUCT(LockWaiter, (), (session, promise, lease_ms))

struct LockState {
  std::uint64_t fence = 0;  ///< the newest one given
  std::optional<LockHolder> holder;
  std::vector<LockWaiter> waiting;  ///< in the order in which they came
};
BOOST_DESCRIBE_STRUCT(LockState, (), (fence, holder, waiting))

inline constexpr char const* lock_workflow = "lock";
inline constexpr char const* lock_signal = "lock";

/// Gives the lock to one after the other; ends when nobody had it or wanted it for a minute.
Workflow<> run_lock(Context& ctx, LockState state);

}  // namespace dalsegno::engine
