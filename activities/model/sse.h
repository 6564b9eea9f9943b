#pragma once

#include "dalsegno/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::activities {

/// One event of an event stream.
struct SseEvent {
  std::string type = "message";
  std::string data;
  std::string last_id;  ///< the stream's last id, when the event was complete

  friend bool operator==(SseEvent const&, SseEvent const&) = default;
};

/// An event that needs more bytes than this, its lines and what separates them counted, is refused,
/// and so is a line of any kind.
inline constexpr std::size_t max_sse_event_bytes = 4U << 20U;

/// Reads a stream of server-sent events as the standard says, whatever the pieces in which it
/// comes: lines end with CR, LF or CRLF, a byte order mark at the start is passed over, comments
/// and unknown fields are too, and an event that the end of the stream cuts off is none.
///
/// Bytes are given away as they come: what is not UTF-8 is not replaced, as whoever reads the data
/// must see that it is wrong.
/// Thread: one at a time.
/// Source: WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6.
class SseParser {
 public:
  /// Takes each event when it is complete.
  using Sink = std::function<void(SseEvent const&)>;

  explicit SseParser(std::size_t max_event_bytes = max_sse_event_bytes)
      : max_event_bytes_(max_event_bytes) {}

  /// Takes the next bytes, whatever their number.
  /// Errors: Errc::too_large; from then on every call gives it again.
  [[nodiscard]] Result<> feed(std::string_view bytes, Sink const& sink);

  /// What the stream last asked to wait before it is opened anew.
  [[nodiscard]] std::optional<std::uint64_t> retry_ms() const { return retry_ms_; }
  [[nodiscard]] std::string const& last_id() const { return last_id_; }

 private:
  void take_line(Sink const& sink);
  void take_field(std::string_view name, std::string_view value);
  void dispatch(Sink const& sink);

  std::size_t max_event_bytes_;
  std::string line_;
  std::string type_;
  std::string data_;  // each of its lines followed by LF, as the standard keeps it
  std::string last_id_;
  std::optional<std::uint64_t> retry_ms_;
  bool is_first_line_ = true;
  bool after_cr_ = false;  // an LF that follows belongs to it
  bool is_too_large_ = false;
};

}  // namespace dalsegno::activities
