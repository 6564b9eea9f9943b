#pragma once

#include "dalsegno/errors.h"
#include "dalsegno/ids.h"
#include "dalsegno/routes.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno {

/// When and how often a failed attempt is repeated. The delay before attempt n + 1 is
/// min(initial * factor^(n-1), max_interval), lengthened or shortened by up to `jitter` of itself;
/// the random part comes from the session's recorded seed, so a replay and an auditor compute the
/// same delay.
struct RetryPolicy {
  std::chrono::milliseconds initial{1'000};
  double factor = 2.0;  ///< 1 or more
  std::chrono::milliseconds max_interval{60'000};
  std::uint32_t max_attempts = 5;  ///< 1: never repeat; 0: no bound
  double jitter = 0.1;             ///< 0 to 1
};

/// What a call can do at worst; policies may ask for it. The numbers are on disk.
enum class Risk : std::uint8_t {
  undeclared = 0,   ///< a condition about it fails: permits are skipped, forbids deny
  read = 1,         ///< looks, changes nothing
  write = 2,        ///< changes what can be changed back
  destructive = 3,  ///< changes what cannot
  money = 4,        ///< moves money
  external = 5      ///< reaches people or systems outside
};

struct ActivityOptions {
  /// How long one attempt may take; its late result is recorded as orphaned and not applied. 0: no
  /// bound.
  std::chrono::milliseconds start_to_close{0};
  RetryPolicy retry = {};
  Risk risk = Risk::undeclared;
  /// What it brings back may have been written by anybody (a web page, a mail): from then on the
  /// session is tainted by it, and policies may forbid what must not follow from it.
  bool untrusted = false;
  /// Whoever performs it goes only where ActivityContext::routes allows. Without it a permit that
  /// says where the call may go denies.
  bool honours_route = false;
};

/// An effect on the outside world that workflows may call: a name and how it is retried. What it
/// does is registered with the runtime (Registry::add).
template <class In, class Out>
struct Activity {
  std::string_view name;
  ActivityOptions options = {};
};

/// What an activity is told about the attempt it makes.
struct ActivityContext {
  SessionId session;
  RunId run;
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 1;  ///< counts from 1
  std::uint64_t epoch = 0;  ///< fencing token: a far side may refuse a smaller one than it has seen
  std::string name;         ///< of the activity, model or tool
  /// "tenant/session/run/operation": the same for every attempt of this call, and never used for
  /// another.
  std::string idempotency_key;
  Routes routes;  ///< where the permit lets it go
};

}  // namespace dalsegno
