#include "tests/activities/http/far_side.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dalsegno::http::test {
namespace {

class PlainPeer final : public Peer {
 public:
  explicit PlainPeer(int socket) : socket_(socket) {}
  std::string read() override {
    std::array<char, 16'384> buffer{};
    auto const count = ::recv(socket_, buffer.data(), buffer.size(), 0);
    return count <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(count));
  }
  bool write(std::string_view bytes) override {
    while (!bytes.empty()) {
      auto const count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  bool closes_within(std::chrono::milliseconds limit) override {
    pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, static_cast<int>(limit.count())) > 0 && read().empty();
  }

 private:
  int socket_;
};

class TlsPeer final : public Peer {
 public:
  TlsPeer(int socket, SSL_CTX* context)
      : socket_(socket), connection_(SSL_new(context), &SSL_free) {
    SSL_set_fd(connection_.get(), socket);
  }
  bool accept() { return SSL_accept(connection_.get()) == 1; }
  void shut_down() { SSL_shutdown(connection_.get()); }
  std::string read() override {
    std::array<char, 16'384> buffer{};
    int const count = SSL_read(connection_.get(), buffer.data(), buffer.size());
    return count <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(count));
  }
  bool write(std::string_view bytes) override {
    return SSL_write(connection_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  bool closes_within(std::chrono::milliseconds limit) override {
    pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, static_cast<int>(limit.count())) > 0 && read().empty();
  }

 private:
  int socket_;
  std::unique_ptr<SSL, decltype(&SSL_free)> connection_;
};

}  // namespace

struct FarSide::Tls {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()),
                                                            &SSL_CTX_free};
};

std::string Peer::read_request() {
  std::string request;
  std::size_t wanted = std::string::npos;
  while (request.size() < wanted) {
    auto const piece = read();
    if (piece.empty()) break;
    request += piece;
    auto const end = request.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    auto const length = request.find("Content-Length: ");
    wanted = end + 4 + (length < end ? std::stoul(request.substr(length + 16)) : 0);
  }
  return request;
}

FarSide::FarSide(Serve serve,
                 std::optional<Certificate> certificate,
                 std::string const& address,
                 std::uint16_t port)
    : serve_(std::move(serve)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (certificate) {
    tls_ = std::make_unique<Tls>();
    auto* const context = tls_->context.get();
    if (SSL_CTX_use_certificate_file(context, certificate->certificate.c_str(), SSL_FILETYPE_PEM) !=
            1 ||
        SSL_CTX_use_PrivateKey_file(context, certificate->key.c_str(), SSL_FILETYPE_PEM) != 1)
      throw std::runtime_error("the certificate cannot be used");
  }
  bool const is_v6 = address.contains(':');
  socket_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) throw std::runtime_error("no socket for " + address);
  int const on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  ::inet_pton(is_v6 ? AF_INET6 : AF_INET,
              address.c_str(),
              is_v6 ? static_cast<void*>(&v6.sin6_addr) : &v4.sin_addr);
  auto* const where = is_v6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t length = is_v6 ? sizeof v6 : sizeof v4;
  if (::bind(socket_, where, length) != 0 || ::listen(socket_, 64) != 0 ||
      ::getsockname(socket_, where, &length) != 0)
    throw std::runtime_error("cannot listen on " + address);
  port_ = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
  acceptor_ = std::jthread([this] { listen_for_all(); });
}

FarSide::~FarSide() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  cut_all();
  ::shutdown(socket_, SHUT_RDWR);
  acceptor_.join();
  threads_.clear();
  ::close(socket_);
}

void FarSide::listen_for_all() {
  for (;;) {
    int const socket = ::accept(socket_, nullptr, nullptr);
    std::lock_guard const lock(mutex_);
    if (socket < 0 || stopping_) {
      if (socket >= 0) ::close(socket);
      return;
    }
    ++connections_;
    open_.push_back(socket);
    threads_.emplace_back([this, socket] {
      if (tls_) {
        TlsPeer peer(socket, tls_->context.get());
        if (peer.accept()) {
          serve_(peer);
          peer.shut_down();
        }
      } else {
        PlainPeer peer(socket);
        serve_(peer);
      }
      std::lock_guard const closing(mutex_);
      std::erase(open_, socket);
      ::close(socket);
    });
  }
}

int FarSide::connections() const {
  std::lock_guard const lock(mutex_);
  return connections_;
}

std::vector<std::string> FarSide::requests() const {
  std::lock_guard const lock(mutex_);
  return requests_;
}

void FarSide::cut_all() {
  std::lock_guard const lock(mutex_);
  for (int const socket : open_) ::shutdown(socket, SHUT_RDWR);
}

void FarSide::note(std::string request) {
  std::lock_guard const lock(mutex_);
  requests_.push_back(std::move(request));
}

std::string reply(std::string_view body, std::string_view headers, std::string_view status) {
  return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace dalsegno::http::test
