#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno {

/// What workflow code may throw to end its session as failed, and the base of what the engine
/// throws into it. Any other exception that leaves a workflow is taken for a bug: the session is
/// held and nothing is lost.
class Failure : public std::runtime_error {
 public:
  explicit Failure(std::string type, std::string const& message)
      : std::runtime_error(message), type_(std::move(type)) {}

  /// For programs: "insufficient_funds". Recorded in SessionFailed.
  [[nodiscard]] std::string const& type() const { return type_; }

 private:
  std::string type_;
};

/// An activity failed for good: its last attempt failed, and its retry policy allows no other.
class ActivityFailed : public Failure {
 public:
  ActivityFailed(std::string type, std::string const& message, std::uint32_t attempts)
      : Failure(std::move(type), message), attempts_(attempts) {}

  [[nodiscard]] std::uint32_t attempts() const { return attempts_; }

 private:
  std::uint32_t attempts_;
};

/// Which of its limits of time a call has passed (ActivityOptions).
enum class Timeout : std::uint8_t {
  schedule_to_start,  ///< nobody began the attempt
  start_to_close,     ///< the attempt took too long
  schedule_to_close,  ///< the call took too long, over all its attempts
  heartbeat           ///< the attempt gave no sign of life
};

/// "start_to_close_timeout" …: the type of the failure.
[[nodiscard]] std::string_view name_of(Timeout timeout);

/// A call took too long, and is not repeated any more. Its type is the name of the limit.
class ActivityTimedOut : public ActivityFailed {
 public:
  ActivityTimedOut(Timeout timeout, std::string const& message, std::uint32_t attempts)
      : ActivityFailed(std::string(name_of(timeout)), message, attempts), timeout_(timeout) {}

  [[nodiscard]] Timeout timeout() const { return timeout_; }

 private:
  Timeout timeout_;
};

/// Type of an ActivityFailed: nobody knew whether the call had had its effect, and a person said
/// that it is to count as failed. The message says who and why.
inline constexpr char const* resolved_as_failed = "resolved_as_failed";

/// Policy forbade the call: nothing left the process.
class PolicyDenied : public Failure {
 public:
  PolicyDenied(std::string const& message, std::vector<std::string> rules)
      : PolicyDenied("policy_denied", message, std::move(rules)) {}

  /// Ids of the determining rules; empty when no rule matched.
  [[nodiscard]] std::vector<std::string> const& rules() const { return rules_; }

 protected:
  PolicyDenied(std::string type, std::string const& message, std::vector<std::string> rules)
      : Failure(std::move(type), message), rules_(std::move(rules)) {}

 private:
  std::vector<std::string> rules_;
};

/// Policy asks for approval of the call, and it was not given: somebody said no (the type is
/// "approval_denied"; the message says who and why), or nobody said yes in time
/// ("approval_expired"). The rules are those that ask for it.
class ApprovalDenied : public PolicyDenied {
 public:
  ApprovalDenied(std::string type, std::string const& message, std::vector<std::string> rules)
      : PolicyDenied(std::move(type), message, std::move(rules)) {}
};

/// Types of `ApprovalDenied`; also recorded in OperationFailed.
inline constexpr char const* approval_denied = "approval_denied";
inline constexpr char const* approval_expired = "approval_expired";

/// A child did not complete. The type is that of its failure, "cancelled" when it was cancelled, or
/// says why it could not be started: "conflict" when another session has its name,
/// "unknown_workflow", "too_large", "no_space", "held" …
class ChildFailed : public Failure {
 public:
  ChildFailed(std::string type, std::string const& message) : Failure(std::move(type), message) {}
};

/// What was meant for another session was not delivered. The type says why: "not_found" (no such
/// session), "ended", "held", "overloaded" (its inbox is full), "invalid", "conflict" (it exists
/// with another workflow), "denied" (a token that nobody was given) …
class MessageFailed : public Failure {
 public:
  MessageFailed(std::string type, std::string const& message) : Failure(std::move(type), message) {}
};

/// Whoever had a promise's token rejected it, with this type and message.
class PromiseRejected : public Failure {
 public:
  PromiseRejected(std::string type, std::string const& message)
      : Failure(std::move(type), message) {}
};

/// The operation was cancelled, for example as the loser of an `any`.
class Cancelled : public Failure {
 public:
  explicit Cancelled(std::string const& message) : Failure("cancelled", message) {}
};

/// Workflow code broke a rule of the engine (a checkpoint after a command, an operation awaited
/// twice). It is a bug: the session is held.
class WorkflowError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// What an activity throws to fail with a type of its own, to forbid retries, or to ask for a
/// delay:
///
///     throw ActivityError("busy", "the bank is busy").after(std::chrono::seconds(30));
class ActivityError : public std::runtime_error {
 public:
  enum class Retry : std::uint8_t { allowed, forbidden };

  ActivityError(std::string type, std::string const& message, Retry retry = Retry::allowed)
      : std::runtime_error(message), type_(std::move(type)), retry_(retry) {}

  /// May be repeated, but not before `delay`: the far side has said so, and that counts for more
  /// than the retry policy. At most `longest_asked_delay` of it is believed.
  ActivityError(std::string type, std::string const& message, std::chrono::milliseconds delay)
      : std::runtime_error(message),
        type_(std::move(type)),
        retry_(Retry::allowed),
        retry_after_(delay) {}

  /// The same error, and the next attempt is to begin after this delay, whatever the retry policy
  /// says of delays: what a far side asked for ("Retry-After"). At most `longest_asked_delay`.
  /// Whether there is a next attempt the retry policy says.
  [[nodiscard]] ActivityError after(std::chrono::milliseconds delay) const {
    auto error = *this;
    error.retry_after_ = delay;
    return error;
  }
  /// The same error, and the attempt may have had its effect all the same. It matters to calls that
  /// are not idempotent (EffectClass): without this, an ActivityError says that nothing happened.
  [[nodiscard]] ActivityError with_unknown_outcome() const {
    auto error = *this;
    error.outcome_unknown_ = true;
    return error;
  }

  [[nodiscard]] std::string const& type() const { return type_; }
  [[nodiscard]] Retry retry() const { return retry_; }
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const {
    return retry_after_;
  }
  [[nodiscard]] bool outcome_unknown() const { return outcome_unknown_; }

 private:
  std::string type_;
  Retry retry_;
  std::optional<std::chrono::milliseconds> retry_after_;
  bool outcome_unknown_ = false;
};

inline constexpr std::chrono::milliseconds longest_asked_delay = std::chrono::hours(24);

}  // namespace dalsegno
