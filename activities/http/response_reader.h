#pragma once

#include "activities/http/transport.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace dalsegno::http {

/// Reads the answer to one request from the bytes of its connection, on which nothing else is under
/// way.
///
/// Strict where readers differ: a message has either one Content-Length or, in HTTP/1.1, exactly
/// "Transfer-Encoding: chunked", or neither and ends with the connection; everything else is
/// refused, and so is a second interim answer after the fifth, an upgrade, and control characters
/// in a header. Fields after a chunked body are dropped.
class ResponseReader {
 public:
  /// What it refers to must outlive it. `is_to_head`: the request's method was HEAD, so that no
  /// body comes whatever the headers say.
  ResponseReader(Limits const& limits,
                 bool is_to_head,
                 HeadSink const& on_head,
                 BodySink const& on_body);
  ~ResponseReader();
  ResponseReader(ResponseReader const&) = delete;
  ResponseReader& operator=(ResponseReader const&) = delete;

  /// Takes the next bytes, whatever their number; calls the sinks. After a failure, or when it is
  /// done, it may not be called again.
  [[nodiscard]] std::optional<Failure> read(std::string_view bytes);
  /// The connection has ended, in order or not.
  [[nodiscard]] std::optional<Failure> end(bool in_order);

  [[nodiscard]] bool has_head() const;
  /// The message is whole, or its sink wants no more.
  [[nodiscard]] bool done() const;
  /// It is done, its end was certain, nothing came after it, and the server keeps the connection.
  [[nodiscard]] bool leaves_connection_open() const;
  /// Status and headers, as far as they have come.
  [[nodiscard]] Response take_head();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace dalsegno::http
