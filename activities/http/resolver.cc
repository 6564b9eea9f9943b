#include "activities/http/resolver.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <optional>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace dalsegno::http {
namespace {

std::optional<Address> address_of(sockaddr const& raw) {
  if (raw.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &raw, sizeof v4);
    return Address::v4(ntohl(v4.sin_addr.s_addr));
  }
  if (raw.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &raw, sizeof v6);
    Address::Bytes bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return Address::v6(bytes);
  }
  return std::nullopt;
}

Result<std::vector<Address>> ask_system(std::string const& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  int const code = getaddrinfo(name.c_str(), nullptr, &hints, &raw);
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> const list(raw, &freeaddrinfo);
  if (code != 0) {
    bool const is_temporary = code == EAI_AGAIN || code == EAI_MEMORY || code == EAI_SYSTEM;
    return Error(is_temporary ? Errc::unavailable : Errc::not_found,
                 name + " does not resolve: " + gai_strerror(code));
  }
  std::vector<Address> addresses;
  for (auto const* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    auto const address = address_of(*entry->ai_addr);
    if (address && std::ranges::find(addresses, *address) == addresses.end())
      addresses.push_back(*address);
  }
  if (addresses.empty()) return Error(Errc::not_found, name + " has no address");
  return addresses;
}

}  // namespace

SystemResolver::SystemResolver(unsigned threads) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

SystemResolver::~SystemResolver() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
    questions_.clear();
  }
  ready_.notify_all();
}

void SystemResolver::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return stopping_ || !questions_.empty(); });
    if (stopping_) return;
    auto const question = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    question();
  }
}

Result<std::vector<Address>> SystemResolver::resolve(std::string const& name,
                                                     std::chrono::milliseconds limit) {
  // Shared with the thread, which may answer after nobody waits any more.
  auto const answer = std::make_shared<std::promise<Result<std::vector<Address>>>>();
  auto future = answer->get_future();
  {
    std::lock_guard const lock(mutex_);
    if (stopping_) return Error(Errc::unavailable, "the resolver is stopping");
    questions_.emplace_back([answer, name] { answer->set_value(ask_system(name)); });
  }
  ready_.notify_one();
  if (future.wait_for(limit) != std::future_status::ready)
    return Error(Errc::unavailable,
                 name + " did not resolve within " + std::to_string(limit.count()) + " ms");
  return future.get();
}

}  // namespace dalsegno::http
