#pragma once

#include "activities/model/fault.h"
#include "dalsegno/ids.h"

#include <chrono>
#include <cstdint>
#include <optional>

namespace dalsegno::activities {

struct BreakerOptions {
  std::uint32_t failures = 5;              ///< one after the other, until an endpoint is left alone
  std::chrono::milliseconds pause{5'000};  ///< for the first time; doubled each time it fails again
  std::chrono::milliseconds longest_pause{120'000};
};

/// Whether one endpoint is to be called now.
///
/// After so many failures in a row it is left alone for a pause (open); then one call tries it
/// (half open): if that succeeds all is as before, else the next pause is twice as long. A server
/// that asks to be left alone for a time is, without that counting as a failure. What is the fault
/// of the call itself (a bad request, a spent quota) counts neither way.
/// No clock: the time comes in. Thread: one at a time.
class Breaker {
 public:
  explicit Breaker(BreakerOptions const& options) : options_(options) {}

  enum class State : std::uint8_t {
    closed,
    cooling,  ///< the server asked for it
    open,
    half_open  ///< one call tries it; no other may
  };
  [[nodiscard]] State state(Time now) const;
  /// When a call may be made again; nothing: now. Of a half open one: not before its trial is over,
  /// so soon that asking again costs little.
  [[nodiscard]] std::optional<Time> blocked_until(Time now) const;

  /// A call is made: after a pause it is the trial. It may only be called when it is not blocked.
  void begin(Time now);
  void succeeded();
  void failed(ModelFault const& fault, Time now);
  /// It was given up by the caller, and says nothing.
  void abandoned();

 private:
  void open(Time now);

  BreakerOptions options_;
  std::uint32_t failures_ = 0;  // in a row
  std::uint32_t pauses_ = 0;    // in a row
  std::optional<Time> open_until_;
  std::optional<Time> cooling_until_;
  bool is_tried_ = false;
};

/// Whether a failure says that something is wrong with the endpoint, rather than with the call.
[[nodiscard]] bool blames_endpoint(ModelFault const& fault);

}  // namespace dalsegno::activities
