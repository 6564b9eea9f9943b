#pragma once

// A part of `ctx.any` that ends when the first of several operations does, and leaves them all
// alone: an operation that stands in `any` itself is cancelled when another part ends first.

#include "dalsegno/workflow_host.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// Of Operations that were begun, or of Spawned. They outlive this.
template <class Awaited>
class EndedFirst {
 public:
  using value_type = void;

  explicit EndedFirst(std::vector<Awaited*> awaited) : awaited_(std::move(awaited)) {}
  EndedFirst(EndedFirst&&) noexcept = default;
  EndedFirst(EndedFirst const&) = delete;
  EndedFirst& operator=(EndedFirst const&) = delete;
  EndedFirst& operator=(EndedFirst&&) = delete;
  ~EndedFirst() { unsubscribe(); }

  void start() {}
  [[nodiscard]] bool done() const {
    return std::ranges::any_of(awaited_, [](auto const* one) { return one->done(); });
  }
  [[nodiscard]] std::uint64_t done_at() const {
    auto first = UINT64_MAX;
    for (auto const* const one : awaited_)
      if (one->done()) first = std::min(first, one->done_at());
    return first;
  }
  void subscribe(detail::Waiter& waiter) {
    for (auto* const one : awaited_)
      if (!one->done()) one->subscribe(waiter);
    subscribed_ = true;
  }
  void unsubscribe() noexcept {
    if (!std::exchange(subscribed_, false)) return;
    for (auto* const one : awaited_) one->unsubscribe();
  }
  void collect_open(std::vector<OperationId>&) const {}
  void let_go() noexcept { unsubscribe(); }
  void take() { unsubscribe(); }

 private:
  std::vector<Awaited*> awaited_;
  bool subscribed_ = false;
};

}  // namespace dalsegno::engine
