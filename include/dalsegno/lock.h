#pragma once

// Locks that sessions of one tenant share. A lock is a session of its own, "lock/NAME", of the
// workflow "lock": who holds it, who waits and why stand in its log.
//
//     ds::add_locks(registry);
//
//     auto lock = co_await ds::acquire_lock(ctx, "account-7");
//     if (!lock) co_return "busy";
//     co_await ctx.call(pay, Payment{…, lock->fence});
//     co_await ds::release_lock(ctx, *lock);
//
// A lock is held for a lease: a holder that does not come back (it was held, paused, terminated)
// keeps the others waiting no longer than that. So a holder may lose its lock without knowing: let
// the far side refuse a `fence` that is lower than one it has seen (Kleppmann, "How to do
// distributed locking", 2016). Taking a lock costs three durable writes more than a call does,
// releasing it two. Policy is asked about "session.signal" for the sessions "lock/NAME", and for
// those that wait.

#include "dalsegno/ids.h"
#include "dalsegno/payload.h"
#include "dalsegno/registry.h"
#include "dalsegno/workflow.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace dalsegno {

struct LockOptions {
  /// How long the lock is held without being renewed; 1 ms to 365 days.
  std::chrono::milliseconds lease = std::chrono::minutes(1);
  /// How long to wait for it; absent: for as long as it takes.
  std::optional<std::chrono::milliseconds> wait = {};
};

/// A lock that was taken. May be kept in a workflow's state over checkpoints and continue_as_new.
struct Lock {
  std::string name;
  std::uint64_t fence = 0;    ///< higher for each holder of the lock than for all before
  std::int64_t until_us = 0;  ///< end of the lease, microseconds since 1970, by the lock's clock
};
BOOST_DESCRIBE_STRUCT(Lock, (), (name, fence, until_us))

/// Registers the workflow "lock", which every program needs whose workflows take locks.
void add_locks(Registry& registry);

/// Waits its turn (first come, first served) and gives the lock; nothing when `wait` has passed.
/// Not reentrant: a session that has the lock and asks again waits for itself until the lease ends.
/// `name`: 1 to 150 bytes. Throws: Failure("invalid"), MessageFailed, PolicyDenied, Cancelled.
[[nodiscard]] Workflow<std::optional<Lock>> acquire_lock(Context& ctx,
                                                         std::string name,
                                                         LockOptions options = {});

/// Prolongs the lease: it ends so long after now, then. Nothing when the lock was lost: its lease
/// had ended and another one has it, or nobody. Throws as above.
[[nodiscard]] Workflow<std::optional<Lock>> renew_lock(
    Context& ctx, Lock held, std::chrono::milliseconds lease = std::chrono::minutes(1));

/// Gives it back; nothing happens where it was lost. Throws as above.
[[nodiscard]] Workflow<> release_lock(Context& ctx, Lock held);

}  // namespace dalsegno
