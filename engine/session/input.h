#pragma once

#include "dalsegno/contact.h"
#include "dalsegno/ids.h"
#include "storage/event/digest.h"

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
};

struct FailureInput {
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  std::string type;
  std::string message;
  bool retryable = true;
  std::vector<Contact> contacts = {};
  /// How long the far side asks to be left alone: in place of the policy's delay.
  std::optional<std::chrono::milliseconds> retry_after = {};
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

using Input = std::variant<SignalInput,
                           ResultInput,
                           FailureInput,
                           TimerInput,
                           OrphanInput,
                           CancelInput,
                           ApprovalInput>;

}  // namespace dalsegno::engine
