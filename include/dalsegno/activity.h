#pragma once

#include "dalsegno/contact.h"
#include "dalsegno/errors.h"
#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/routes.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno {

/// Some types of failures: texts that live as long as the program, at most 8.
using TypeList = std::array<std::string_view, 8>;

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
  TypeList non_retryable = {};     ///< failures of these types are not repeated
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

/// What a call does to the world when it is made twice, and so what may be done where nobody knows
/// whether it had its effect: its process ended, it took too long, or it failed with an exception
/// that is no ActivityError. The numbers are on disk.
enum class EffectClass : std::uint8_t {
  /// Twice is like once, with the idempotency key: it is made again.
  idempotent = 0,
  /// The far side can tell (Registry::add_reconciler): the next attempt asks it first, and makes
  /// the call only if it has not happened. If it cannot tell, the call is in doubt.
  reconcilable = 1,
  /// Never made again by itself: the call is in doubt. It waits until a person has looked and says
  /// what is to become of it (Runtime::resolve, `dalsegno resolve`).
  at_most_once = 2
};

/// What becomes of the effect of an operation that is cancelled: by Operation::cancel, as the loser
/// of an `any`, or by a request to cancel the session. The first recorded of its end and its
/// cancellation wins. The numbers are on disk.
enum class OnCancel : std::uint8_t {
  attempt = 0,  ///< it is asked to stop and not waited for: the operation ends as cancelled
  wait = 1,     ///< it is asked to stop and waited for: the operation ends as it ends, and is not
                ///< repeated
  abandon = 2   ///< it is left alone: the operation ends as cancelled
};

struct ActivityOptions {
  /// How long one attempt may take; its late result is recorded as orphaned and not applied. 0: no
  /// bound. So are the other limits of time below; all end with an ActivityTimedOut that says which
  /// one it was, when no attempt follows.
  std::chrono::milliseconds start_to_close{0};
  RetryPolicy retry = {};
  Risk risk = Risk::undeclared;
  /// What it brings back may have been written by anybody (a web page, a mail): from then on the
  /// session is tainted by it, and policies may forbid what must not follow from it.
  bool untrusted = false;
  /// Whoever performs it goes only where ActivityContext::routes allows. Without it a permit that
  /// says where the call may go denies.
  bool honours_route = false;
  /// How long an attempt may wait until somebody begins it. It is then not repeated.
  std::chrono::milliseconds schedule_to_start{0};
  /// How long the call may take over all its attempts, with the time between them and the wait for
  /// approval. It is then not repeated.
  std::chrono::milliseconds schedule_to_close{0};
  /// How long an attempt may go without ActivityContext::heartbeat.
  std::chrono::milliseconds heartbeat{0};
  EffectClass effect = EffectClass::idempotent;
  OnCancel on_cancel = OnCancel::attempt;
};

/// An effect on the outside world that workflows may call: a name and how it is retried. What it
/// does is registered with the runtime (Registry::add).
template <class In, class Out>
struct Activity {
  std::string_view name;
  ActivityOptions options = {};
};

/// For whom a call is made, as policy was told when it permitted the attempt.
struct ActivityPrincipal {
  std::string kind;  ///< "workflow" for the calls of a session
  std::string id;    ///< on whose behalf the session was started; "" when nobody was named
  std::string tenant;
  std::vector<std::string> roles;

  friend bool operator==(ActivityPrincipal const&, ActivityPrincipal const&) = default;
};

/// What policy says to something that an attempt does beside its call.
struct PolicyAnswer {
  bool permitted = false;
  std::string policy = {};              ///< digest of the policy, in hexadecimal digits
  std::vector<std::string> rules = {};  ///< ids of the determining rules
  std::string reason = {};
};

namespace detail {

/// The runtime's side of one attempt. Thread: any.
class AttemptHost {
 public:
  AttemptHost() = default;
  AttemptHost(AttemptHost const&) = delete;
  AttemptHost& operator=(AttemptHost const&) = delete;
  virtual ~AttemptHost() = default;

  virtual void contacted(Contact contact) = 0;
  [[nodiscard]] virtual std::optional<PolicyAnswer> decide(std::string_view action,
                                                           std::string_view resource,
                                                           Json const& attributes) const = 0;
  /// JSON. Where there is no runtime nobody listens, and nobody could complete it later.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): the runtime keeps it
  virtual void heartbeat(std::string /*details*/) {}
  [[nodiscard]] virtual std::string complete_later() {
    throw ActivityError(
        "no_runtime", "nobody outside can complete this attempt", ActivityError::Retry::forbidden);
  }
};

}  // namespace detail

/// What an activity is told about the attempt it makes, and what it may ask meanwhile. Thread: any,
/// until the handler returns.
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
  Routes routes;                ///< where the permit lets it go
  std::string workflow;         ///< of the session
  ActivityPrincipal principal;  ///< for whom it is made
  /// Requested when nobody waits for the attempt any more: its operation was cancelled, or it took
  /// longer than start_to_close. What it brings back then is recorded, and not applied. Not
  /// requested when the runtime stops: that waits for attempts. A callback must not block.
  std::stop_token stop;
  /// For the runtime. Null where there is none: contacts are not recorded, policy says nothing.
  detail::AttemptHost* host = nullptr;
  /// JSON: what the newest heartbeat of an earlier attempt said; "": nothing. Redacted.
  std::string heartbeat_details = {};

  /// Reports one contact with the outside world, when it is over or was refused. All contacts of an
  /// attempt are recorded with its end: with its result, its failure, an exception, or a result
  /// that came too late. Secrets in the texts are replaced, addresses are not (docs/egress.md).
  /// Limits: 256 contacts and 128 KiB an attempt; of what is beyond, the last contact tells how
  /// many and how many bytes.
  void contacted(Contact contact) const {
    if (host != nullptr) host->contacted(std::move(contact));
  }

  /// Asks the policy that permits this attempt about something that is done for it, for example
  /// "net.connect": for the same principal, with the attributes and arguments that the permit was
  /// given for, and `attributes` (an object) beside these. nullopt: no rule of the policy names the
  /// action, so it says nothing about it.
  [[nodiscard]] std::optional<PolicyAnswer> decide(std::string_view action,
                                                   std::string_view resource,
                                                   Json const& attributes) const {
    return host == nullptr ? std::nullopt : host->decide(action, resource, attributes);
  }

  /// Says that the attempt is at it still, and how far it has come: the next attempt, should there
  /// be one, is told so. Cheap: it is not written each time. Throws ActivityError when `details`
  /// have more than 16 KiB as JSON.
  template <class T>
  void heartbeat(T const& details) const {
    if (host != nullptr) host->heartbeat(to_json(details));
  }
  void heartbeat() const {
    if (host != nullptr) host->heartbeat({});
  }
  /// What an earlier attempt of this call said last with `heartbeat`; nullopt: nothing, or
  /// something of another form.
  template <class T>
  [[nodiscard]] std::optional<T> last_heartbeat() const {
    if (heartbeat_details.empty()) return std::nullopt;
    auto details = from_json<T>(heartbeat_details);
    return details ? std::optional(std::move(*details)) : std::nullopt;
  }

  /// The attempt does not end when the handler returns, whatever it returns then: whoever has the
  /// token that this gives ends it (Runtime::complete_activity), in this process or a later one.
  /// The limits of time go on. When the handler throws, the attempt has failed and the token is
  /// spent. Throws ActivityError when there can be no token.
  [[nodiscard]] std::string complete_later() const {
    if (host != nullptr) return host->complete_later();
    throw ActivityError(
        "no_runtime", "nobody outside can complete this attempt", ActivityError::Retry::forbidden);
  }
};

}  // namespace dalsegno
