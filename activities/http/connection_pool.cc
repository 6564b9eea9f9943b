#include "activities/http/connection_pool.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace dalsegno::http {
namespace {

/// Whether the far side has said nothing since: an end, a stray answer and what is left over of an
/// old one all are something.
bool is_silent(Connection& connection) {
  if (connection.tls) {
    auto* const ssl = connection.tls->native_handle();
    if (SSL_has_pending(ssl) != 0 || BIO_ctrl_pending(SSL_get_rbio(ssl)) != 0) return false;
  }
  char byte = 0;
  auto const got =
      ::recv(connection.socket.native_handle(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

std::unique_ptr<Connection> ConnectionPool::take(std::string const& origin,
                                                 std::vector<Address> const& addresses) {
  for (;;) {
    auto connection = newest(origin, addresses);
    if (!connection || is_silent(*connection)) return connection;
  }
}

std::unique_ptr<Connection> ConnectionPool::newest(std::string const& origin,
                                                   std::vector<Address> const& addresses) {
  List dropped;
  std::lock_guard const lock(mutex_);
  drop_expired(dropped);
  auto const found = std::ranges::find_if(kept_, [&](Kept const& kept) {
    return kept.origin == origin &&
           std::ranges::find(addresses, kept.connection->address) != addresses.end();
  });
  if (found == kept_.end()) return nullptr;
  auto connection = std::move(found->connection);
  kept_.erase(found);
  return connection;
}

void ConnectionPool::keep(std::unique_ptr<Connection> connection,
                          std::string origin,
                          std::optional<std::chrono::milliseconds> life) {
  auto const until = Clock::now() + std::min(life.value_or(limits_.life), limits_.life);
  List dropped;
  std::lock_guard const lock(mutex_);
  drop_expired(dropped);
  kept_.push_front({std::move(connection), std::move(origin), until});
  while (kept_.size() > limits_.connections)
    dropped.splice(dropped.end(), kept_, std::prev(kept_.end()));
}

std::size_t ConnectionPool::size() const {
  std::lock_guard const lock(mutex_);
  return kept_.size();
}

void ConnectionPool::drop_expired(List& dropped) {
  auto const now = Clock::now();
  for (auto it = kept_.begin(); it != kept_.end();) {
    auto const here = it++;
    if (here->until <= now) dropped.splice(dropped.end(), kept_, here);
  }
}

}  // namespace dalsegno::http
