#pragma once

#include "activities/http/address.h"
#include "activities/http/network_transport.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::http {

/// A connection with what it needs to be used on whichever thread has it.
struct Connection {
  boost::asio::io_context io{1};
  boost::asio::ip::tcp::socket socket{io};
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls;
  Address address;
};

/// Connections that are open and that nobody uses.
/// Thread: any.
class ConnectionPool {
 public:
  explicit ConnectionPool(KeepLimits const& limits) : limits_(limits) {}

  /// One to `origin` whose address is among these, on which nothing has come since it was kept; the
  /// newest. Null when there is none.
  [[nodiscard]] std::unique_ptr<Connection> take(std::string const& origin,
                                                 std::vector<Address> const& addresses);
  /// Keeps it, for at most `life` if the server has said so.
  void keep(std::unique_ptr<Connection> connection,
            std::string origin,
            std::optional<std::chrono::milliseconds> life);

  [[nodiscard]] std::size_t size() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    std::unique_ptr<Connection> connection;
    std::string origin;
    Clock::time_point until;
  };
  using List = std::list<Kept>;

  /// The newest that fits, whatever has come on it.
  [[nodiscard]] std::unique_ptr<Connection> newest(std::string const& origin,
                                                   std::vector<Address> const& addresses);
  /// Moves what is over to `dropped`, which is destroyed without the lock.
  void drop_expired(List& dropped);

  KeepLimits const limits_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. The newest is in front.
  List kept_;
};

}  // namespace dalsegno::http
