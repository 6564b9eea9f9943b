#pragma once

#include "activities/http/address.h"
#include "activities/http/dial_plan.h"
#include "activities/http/message.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::http {

/// Why there is no answer. The name of the enumerator is the type of the activity's error.
enum class FailureKind : std::uint8_t {
  invalid_request,  ///< nothing was contacted
  denied,           ///< by the guard: nothing was contacted
  unresolved,       ///< the name has no address, or nobody could tell
  unreachable,      ///< no connection
  tls_failed,       ///< the certificate does not verify for the name, or no common protocol
  timed_out,
  too_large,  ///< head or body over the limit
  malformed,  ///< no HTTP, or a message whose length is ambiguous
  cut_off,    ///< the connection ended before the message did
  cancelled,  ///< by the caller
  too_many_redirects
};
[[nodiscard]] std::string_view name_of(FailureKind kind);
/// Whether the same request may do better later.
[[nodiscard]] bool may_pass(FailureKind kind);
/// Whether the far side may have done what it was asked, for all that is known.
[[nodiscard]] bool may_have_happened(FailureKind kind);

struct Failure {
  FailureKind kind = FailureKind::invalid_request;
  std::string message;
};

/// How long and how much. All times are of one contact but `total`, which is of the whole request.
struct Limits {
  std::chrono::milliseconds resolve{5'000};
  std::chrono::milliseconds connect{5'000};  ///< with the handshake of TLS
  std::chrono::milliseconds head{60'000};    ///< from the request to the whole head of the answer
  std::chrono::milliseconds idle{60'000};    ///< between two pieces of the body
  std::chrono::milliseconds total{300'000};
  std::size_t head_bytes = 65'536;
  std::size_t header_count = 200;
  std::size_t body_bytes = 16U << 20U;
  unsigned redirects = 5;
};

/// Takes a piece of the body on the caller's thread; false: stop, the rest is not wanted.
using BodySink = std::function<bool(std::string_view piece)>;

/// Called with status and headers before the first piece of a body.
using HeadSink = std::function<void(Response const& head)>;

/// When the next piece of a body must be there, asked before each; takes the place of
/// `Limits::idle`. So bytes that bring nothing (a server's signs of life) need not count as a
/// piece. Called on the caller's thread.
struct BodyDeadline {
  std::chrono::steady_clock::time_point at;
  std::string_view what;  ///< for people: what did not come; lives as long as the exchange
};
using BodyPace = std::function<BodyDeadline()>;

/// What came of one contact.
struct Exchanged {
  std::optional<Failure> failure;
  Response response;  ///< without body; where there is a failure, what had come by then
  Address address;    ///< that was dialled last
  bool connected = false;
  bool reused = false;  ///< over a connection that had been kept
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

/// One request to one place whose addresses are known, and its answer.
class Transport {
 public:
  struct Job {
    DialPlan const& plan;
    std::vector<Address> const& addresses;  ///< tried in this order until one connects
    Request const& request;                 ///< checked; its URL is not read
    Limits const& limits;
    std::chrono::steady_clock::time_point deadline;
    std::stop_token stop;
    HeadSink const& on_head;
    BodySink const& on_body;
    BodyPace const& body_pace;  ///< may be empty
    bool keep_alive = false;    ///< the connection may be one that was kept, and may be kept
  };

  Transport() = default;
  Transport(Transport const&) = delete;
  Transport& operator=(Transport const&) = delete;
  virtual ~Transport() = default;

  /// Blocks until the answer is there. Thread: any; several calls at once.
  [[nodiscard]] virtual Exchanged exchange(Job const& job) = 0;
};

}  // namespace dalsegno::http
