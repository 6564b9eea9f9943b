#pragma once

#include "dalsegno/contact.h"
#include "dalsegno/errors.h"
#include "dalsegno/ids.h"
#include "storage/event/digest.h"
#include "storage/event/event.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno::engine {

// What can happen to a session. One input makes one step.

struct SignalInput {
  std::string signal;
  std::string payload;  ///< JSON
  std::string producer_key;
  std::string principal;
  bool update = false;  ///< for the handler of updates of that name, which may refuse it
  std::vector<std::string> taint = {};  ///< of the session that sends it
  std::vector<std::string> senders = {};
};

/// An attempt ended well. For a model the facts of its reply come along.
struct ResultInput {
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  std::string payload;    ///< JSON
  bool is_error = false;  ///< a tool that answered with an error
  std::string model;
  std::string finish;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::uint64_t cached_tokens = 0;
  std::vector<Contact> contacts = {};  ///< as they are to be recorded
  bool reconciled = false;             ///< the far side said that an earlier attempt had done it
};

struct FailureInput {
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  std::string type;
  std::string message;
  bool retryable = true;
  std::vector<Contact> contacts = {};
  std::optional<std::chrono::milliseconds> retry_after = {};  ///< whatever the retry policy says
  std::string heartbeat = {};    ///< the newest details that it reported, JSON; "": none
  bool outcome_unknown = false;  ///< it may have had its effect
};

/// A timer came due.
struct TimerInput {
  OperationId operation = OperationId::none;
  Time due;
};

/// The process that made this attempt is gone: found at recovery.
struct OrphanInput {
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  std::string reason;
};

/// Somebody asks the session to end.
struct CancelInput {
  std::string by;
  std::string reason;
};

/// Somebody who operates sessions pauses this one, or lets it go on, or ends it.
struct ControlInput {
  storage::ControlVerb verb = storage::ControlVerb::pause;
  std::string by;
  std::string credential;  ///< id of the token that says who it is; "" when none was asked for
  std::string reason;
};

/// Somebody answers a request for approval.
struct ApprovalInput {
  OperationId operation = OperationId::none;
  bool granted = false;
  std::string by;
  /// The name before it was redacted, if it was: compared with the requester's, never recorded.
  std::string plain_by;
  std::string credential;  ///< id of the token that says who it is; "" when none was asked for
  std::vector<std::string> roles;
  std::string reason;
  storage::Digest input_digest;  ///< of the arguments that the person was shown
};

/// Whoever performed the attempt leaves its end to somebody outside.
struct DeferInput {
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  std::string heartbeat = {};  ///< JSON; "": none
  std::vector<Contact> contacts = {};
};

/// Somebody outside ends an attempt that was left to them, or says that they are at it; or says
/// what a promise comes to (attempt 0).
struct OutsideInput {
  struct Alive {
    std::string details;  ///< JSON; "": none
  };

  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  storage::Digest proof;  ///< that they were given a token for it
  std::variant<ResultInput, FailureInput, Alive> what;
  std::string session = {};  ///< the session that says so, if it is one
  std::vector<std::string> taint = {};
  std::vector<std::string> senders = {};
};

/// What somebody outside says, but for which attempt it is about: that is in their token.
[[nodiscard]] decltype(OutsideInput::what) completed_outside(std::string result);
[[nodiscard]] decltype(OutsideInput::what) failed_outside(ActivityError const& error);

/// A person says what is to become of an operation in doubt.
struct ResolveInput {
  OperationId operation = OperationId::none;
  storage::DoubtResolution resolution = storage::DoubtResolution::completed;
  std::string result;  ///< JSON, when completed
  std::string by;
  std::string credential;  ///< id of the token that says who it is; "" when none was asked for
  std::string reason;
};

/// How the session ended that an operation asked for, or why it was not started.
struct ChildEndInput {
  OperationId operation = OperationId::none;
  std::string session;  ///< its name
  RunId run;            ///< zero: it was not started
  storage::ChildOutcome outcome = storage::ChildOutcome::completed;
  std::string payload;  ///< JSON, when completed
  std::string type;
  std::string message;
  std::vector<std::string> taint;
  std::vector<std::string> senders;
};

/// The session that asked for this one does not wait for it any more, or asks it to end.
struct ParentInput {
  storage::Origin parent;
  /// Absent: it is asked to end, and waited for.
  std::optional<storage::ParentClose> close;
  std::string reason;
};

using Input = std::variant<SignalInput,
                           ResultInput,
                           FailureInput,
                           TimerInput,
                           OrphanInput,
                           CancelInput,
                           ApprovalInput,
                           DeferInput,
                           OutsideInput,
                           ResolveInput,
                           ChildEndInput,
                           ParentInput,
                           ControlInput>;

}  // namespace dalsegno::engine
