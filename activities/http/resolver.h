#pragma once

#include "activities/http/address.h"
#include "dalsegno/result.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::http {

/// Turns a name into addresses.
class Resolver {
 public:
  Resolver() = default;
  Resolver(Resolver const&) = delete;
  Resolver& operator=(Resolver const&) = delete;
  virtual ~Resolver() = default;

  /// All addresses of `name`, in the order in which they should be tried; at least one.
  /// Errors: Errc::not_found when the name has none, Errc::unavailable when nobody could tell
  /// within `limit`.
  /// Thread: any; several calls at once.
  [[nodiscard]] virtual Result<std::vector<Address>> resolve(std::string const& name,
                                                             std::chrono::milliseconds limit) = 0;
};

/// What the machine is configured to use: getaddrinfo(3), on threads of its own as it cannot be
/// interrupted. The destructor waits for questions that are under way.
class SystemResolver final : public Resolver {
 public:
  explicit SystemResolver(unsigned threads = 4);
  ~SystemResolver() override;

  Result<std::vector<Address>> resolve(std::string const& name,
                                       std::chrono::milliseconds limit) override;

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> questions_;  // guarded by mutex_
  bool stopping_ = false;                        // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace dalsegno::http
