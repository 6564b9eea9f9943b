#pragma once

// Just enough of HTTP/1.1 over blocking sockets for a test's server and for who steers it; nothing
// of the product, which is what is tested.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::test {

/// A socket that closes when it goes.
class Socket {
 public:
  explicit Socket(int file) : file_(file) {}
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  /// At most what has come; "" when the other side has closed.
  [[nodiscard]] std::string read() const;
  /// False: the other side has closed.
  bool write(
      std::string_view bytes) const;  // NOLINT(modernize-use-nodiscard): often not of interest
  void wait_for_close() const;
  [[nodiscard]] int file() const { return file_; }

 private:
  int file_;
};

struct WebMessage {
  std::string start;                           ///< the first line
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// The next message with its Content-Length, from `buffer` and then from the socket; what comes
/// after it stays in `buffer`. Nothing when the other side has closed.
[[nodiscard]] std::optional<WebMessage> read_message(Socket const& socket, std::string& buffer);

[[nodiscard]] Socket connect_to(std::uint16_t port);
/// A listening socket on a free port of 127.0.0.1.
[[nodiscard]] Socket listen_somewhere(std::uint16_t& port);

}  // namespace dalsegno::test
