#pragma once

#include "dalsegno/workflow_host.h"

#include <coroutine>
#include <cstdint>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno {

/// Waits until a condition over the workflow's variables holds: for what spawned workflows and
/// update handlers of the same session change. Nothing is recorded. Await it, or hand it to `all`
/// or `any`. Conditions are looked at whenever the code can go no further, in the order in which
/// they were waited for; after each one that holds its coroutine runs before the next is looked at.
/// Throws (from co_await): Cancelled.
class [[nodiscard]] Until {
 public:
  using value_type = void;

  Until(detail::Host& host, std::function<bool()> holds) : host_(&host), holds_(std::move(holds)) {}
  Until(Until&& other) noexcept
      : host_(other.host_),
        holds_(std::move(other.holds_)),
        id_(std::exchange(other.id_, detail::ConditionId::none)) {}
  Until(Until const&) = delete;
  Until& operator=(Until const&) = delete;
  Until& operator=(Until&&) = delete;
  ~Until() { let_go(); }

  // Pieces from which `co_await`, `all` and `any` are made.
  void start() {
    if (id_ == detail::ConditionId::none) id_ = host_->add_condition(holds_);
  }
  [[nodiscard]] bool done() const { return host_->condition_met_at(id_) > 0; }
  [[nodiscard]] std::uint64_t done_at() const { return host_->condition_met_at(id_); }
  void subscribe(detail::Waiter& waiter) { host_->wait_for_condition(id_, &waiter); }
  void unsubscribe() noexcept { host_->wait_for_condition(id_, nullptr); }
  static void collect_open(std::vector<OperationId>&) {}
  void let_go() noexcept {
    if (id_ != detail::ConditionId::none)
      host_->remove_condition(std::exchange(id_, detail::ConditionId::none));
  }
  void take() { host_->take_condition(id_); }

  struct Awaiter : detail::Waiter {
    explicit Awaiter(Until& awaited) : until(awaited) {}
    Awaiter(Awaiter const&) = delete;
    Awaiter& operator=(Awaiter const&) = delete;
    ~Awaiter() override {
      if (subscribed) until.unsubscribe();
    }
    bool await_ready() {
      until.start();
      return until.done();
    }
    void await_suspend(std::coroutine_handle<> caller) {
      resume_here(*until.host_, caller);
      until.subscribe(*this);
      subscribed = true;
    }
    void await_resume() { until.take(); }
    Until& until;
    bool subscribed = false;
  };
  Awaiter operator co_await() & { return Awaiter(*this); }
  Awaiter operator co_await() && { return Awaiter(*this); }

 private:
  detail::Host* host_;
  std::function<bool()> holds_;
  detail::ConditionId id_ = detail::ConditionId::none;
};

}  // namespace dalsegno
