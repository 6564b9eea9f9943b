#include "tests/support/model_server/web.h"

#include <array>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dalsegno::test {

Socket::Socket(Socket&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

Socket::~Socket() {
  if (file_ >= 0) ::close(file_);
}

std::string Socket::read() const {
  std::array<char, 65'536> buffer{};
  auto const count = ::recv(file_, buffer.data(), buffer.size(), 0);
  return count <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(count));
}

bool Socket::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    auto const count = ::send(file_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void Socket::wait_for_close() const {
  while (!read().empty()) {
  }
}

std::optional<WebMessage> read_message(Socket const& socket, std::string& buffer) {
  auto const more = [&] {
    auto const piece = socket.read();
    buffer += piece;
    return !piece.empty();
  };
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return std::nullopt;
  WebMessage message;
  std::string_view head = std::string_view(buffer).substr(0, end + 2);
  auto const take_line = [&head] {
    auto const line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    return line;
  };
  message.start = take_line();
  while (!head.empty()) {
    auto const line = take_line();
    auto const colon = line.find(':');
    std::string name(line.substr(0, colon));
    for (auto& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    auto value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    message.headers[name] = value;
  }
  auto const length = message.headers.contains("content-length")
                          ? std::stoul(message.headers["content-length"])
                          : 0;
  while (buffer.size() < end + 4 + length)
    if (!more()) return std::nullopt;
  message.body = buffer.substr(end + 4, length);
  buffer.erase(0, end + 4 + length);
  return message;
}

namespace {

Socket tcp_socket() {
  Socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (made.file() < 0) throw std::runtime_error("no socket");
  int const on = 1;
  ::setsockopt(made.file(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return made;
}

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Socket connect_to(std::uint16_t port) {
  auto made = tcp_socket();
  auto const address = local(port);
  if (::connect(made.file(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
    throw std::runtime_error("nobody listens at port " + std::to_string(port));
  return made;
}

Socket listen_somewhere(std::uint16_t& port) {
  auto made = tcp_socket();
  auto address = local(0);
  socklen_t size = sizeof address;
  if (::bind(made.file(), reinterpret_cast<sockaddr const*>(&address), size) != 0 ||
      ::listen(made.file(), 256) != 0 ||
      ::getsockname(made.file(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen");
  port = ntohs(address.sin_port);
  return made;
}

}  // namespace dalsegno::test
