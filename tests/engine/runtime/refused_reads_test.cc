// A disk that refuses one read: what came from inside a runtime, and what nobody sends again, was
// dropped then, and its session waited for it until the next process.

#include "engine/runtime/engine.h"
#include "engine/runtime/engine_steps.h"
#include "storage/memory/memory_log.h"
#include "tests/support/forwarding_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::int64_t, std::int64_t> effect{"effect"};

Workflow<std::int64_t> child(Context& ctx, std::int64_t number) {
  co_await ctx.sleep(1s);
  co_return co_await ctx.call(effect, number);
}

Workflow<std::int64_t> parent(Context& ctx, std::int64_t number) {
  auto left = ctx.start_child<std::int64_t>("never", number, {.parent_close = ParentClose::cancel});
  auto const got = co_await ctx.call_child<std::int64_t>("child", number);
  co_await ctx.sleep(1s);
  co_return got;
}

Workflow<std::int64_t> never(Context& ctx, std::int64_t /*number*/) {
  co_return co_await ctx.receive<std::int64_t>("never");
}

/// One read after so many fails.
class RefusingReads final : public dalsegno::test::ForwardingLog {
 public:
  RefusingReads(std::unique_ptr<storage::EventLog> log, std::int64_t reads)
      : ForwardingLog(std::move(log)), left_(reads) {}

  [[nodiscard]] bool has_refused() const { return left_ < 0; }

  Result<std::optional<storage::Head>> head(SessionId const& session) const override {
    if (refuses()) return error();
    return ForwardingLog::head(session);
  }
  Result<> scan_heads(HeadVisitor const& visit) const override {
    if (refuses()) return error();
    return ForwardingLog::scan_heads(visit);
  }
  Result<> read_steps(SessionId const& session,
                      RunId const& run,
                      Sequence from,
                      StepVisitor const& visit) const override {
    if (refuses()) return error();
    return ForwardingLog::read_steps(session, run, from, visit);
  }
  Result<std::vector<storage::Timer>> timers(Time from,
                                             Time until,
                                             std::size_t limit) const override {
    if (refuses()) return error();
    return ForwardingLog::timers(from, until, limit);
  }
  Result<> scan_errands(ErrandVisitor const& visit) const override {
    if (refuses()) return error();
    return ForwardingLog::scan_errands(visit);
  }
  Result<storage::SessionSecret> secret(SessionId const& session) const override {
    if (refuses()) return error();
    return ForwardingLog::secret(session);
  }
  Result<std::optional<storage::StoredCheckpoint>> newest_checkpoint(
      SessionId const& session, RunId const& run, Sequence at_most) const override {
    if (refuses()) return error();
    return ForwardingLog::newest_checkpoint(session, run, at_most);
  }

 private:
  bool refuses() const { return left_-- == 0; }
  static Error error() { return {Errc::io, "the disk refused the read"}; }

  mutable std::int64_t left_;
};

class RefusedReads : public testing::Test {
 protected:
  RefusedReads() {
    registry_.add(define_workflow("parent", parent))
        .add(define_workflow("child", child))
        .add(define_workflow("never", never));
    registry_.add(effect, [](ActivityContext const&, std::int64_t number) { return number + 1; });
  }

  /// A process over the store, until nothing moves any more.
  void live(RefusingReads& log) {
    EngineOptions options;
    options.threads = Threads::none;
    options.max_idle_sessions = 0;  // whatever comes next is read back
    options.now = [this] { return now_; };
    auto started = Engine::start(log, registry_, policy_, std::move(options));
    failed_ = !started;
    if (!started) return;
    auto& engine = **started;
    EngineSteps steps(engine);
    for (int again = 0; again < 2; ++again) {
      engine.start_session({session_, "parent", "1", "me"}, [](Result<Receipt> const&) {});
      while (!engine.failure() && move(steps)) {
      }
    }
    failed_ = engine.failure().has_value();
  }

  bool move(EngineSteps& steps) {
    if (steps.mail(0) > 0) {
      steps.serve(0, 1);
    } else if (steps.steps() > 0) {
      steps.commit(1);
    } else if (steps.attempts() > 0) {
      auto const attempt = steps.take_attempt(0);
      steps.deliver(attempt.session, attempt.run, steps.perform(attempt));
    } else if (auto const due = steps.next_timer()) {
      now_ = std::max(now_, *due);
      steps.fire_timers();
    } else {
      return false;
    }
    return true;
  }

  [[nodiscard]] bool all_have_ended() const {
    auto const log = storage::open_memory(store_);
    std::size_t ended = 0;
    static_cast<void>(log->scan_heads([&](SessionId const&, storage::Head const& head) {
      ended += head.status == storage::SessionStatus::completed ||
                       head.status == storage::SessionStatus::cancelled
                   ? 1U
                   : 0U;
      return true;
    }));
    constexpr std::size_t sessions = 3;  // the parent and two children
    return ended == sessions;
  }

  SessionId const session_{"default", "parent"};
  Registry registry_;
  PolicySet const policy_ = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "all", "rules": [
    {"id": "all", "effect": "permit", "actions": ["*"]}]})")
                                .value();
  std::shared_ptr<storage::MemoryStore> store_;  // shared: as `open_memory` wants it
  Time now_{std::chrono::hours(1'000)};
  bool failed_ = false;
};

TEST_F(RefusedReads, leave_no_session_waiting_for_what_nobody_sends_again) {
  for (std::int64_t read = 0;; ++read) {
    SCOPED_TRACE("read " + std::to_string(read) + " is refused");
    store_ = storage::make_memory_store(11);
    failed_ = false;
    RefusingReads log(storage::open_memory(store_), read);
    live(log);
    if (!log.has_refused()) {
      EXPECT_TRUE(all_have_ended());
      break;  // every read has had its turn
    }
    if (all_have_ended()) continue;
    EXPECT_TRUE(failed_) << "it goes on, and something of it is lost";
    RefusingReads next(storage::open_memory(store_), 1'000'000);
    live(next);
    EXPECT_TRUE(all_have_ended());
  }
}

}  // namespace
}  // namespace dalsegno::engine::test
