#pragma once

// A workflow of one call, and what its timers are by the rebuilt index: for tests of how calls end.

#include "storage/rocksdb/session_fold.h"
#include "tests/engine/session/session_driver.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>

namespace dalsegno::engine::test {

/// Of the call under test; set before the session starts, and not changed until it has ended.
inline ActivityOptions call_options;

inline Workflow<std::string> call_once(Context& ctx, std::string input) {
  Activity<std::string, std::string> const work{"work", call_options};
  try {
    co_return co_await ctx.call(work, input);
  } catch (ActivityTimedOut const& late) {
    co_return std::string(name_of(late.timeout())) + " after " + std::to_string(late.attempts());
  } catch (ActivityFailed const& failed) {
    co_return "failed: " + failed.type() + ": " + failed.what();
  }
}

/// The same, with a checkpoint while the call is under way.
inline Workflow<std::string> call_over_a_checkpoint(Context& ctx, std::string input) {
  co_await ctx.checkpoint(input);
  Activity<std::string, std::string> const work{"work", call_options};
  auto call = ctx.call(work, std::string("x")).named("the call");
  call.begin();
  if (input.size() < 3) {
    co_await ctx.receive<int>("go on");
    co_await ctx.checkpoint(input + "+");
  }
  try {
    co_return co_await call;
  } catch (ActivityTimedOut const& late) {
    co_return std::string(name_of(late.timeout())) + " after " + std::to_string(late.attempts());
  } catch (ActivityFailed const& failed) {
    co_return "failed: " + failed.type() + ": " + failed.what();
  }
}

inline SessionDriver call_driver(ActivityOptions options) {
  call_options = options;
  return SessionDriver(define_workflow("calls", call_once));
}

/// Timers and head as the store keeps them are those that a repair would make of the steps.
inline void expect_rebuilds(SessionDriver const& session) {
  storage::SessionFold fold(session.id);
  auto const head = session.log->head(session.id).value();
  auto const read = storage::read_verified(
      *session.log, session.id, head->run, 1, storage::Reading::run, [&](auto const& step) {
        return fold.add(step);
      });
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(fold.timers(), session.log->timers(Time{}, Time::max(), 100).value());
  EXPECT_EQ(fold.head()->open_attempts, head->open_attempts);
}

/// Replay equals life, and so does what is rebuilt.
inline void expect_sound(SessionDriver const& session) {
  session.expect_replays();
  expect_rebuilds(session);
}

/// Says of attempts what the test has it say.
class ToldWatch final : public AttemptWatch {
 public:
  [[nodiscard]] AttemptSigns signs_of(RunId const&,
                                      OperationId,
                                      std::uint32_t attempt) const override {
    auto const found = signs.find(attempt);
    return found == signs.end() ? AttemptSigns{.waits = true} : found->second;
  }
  [[nodiscard]] bool withdraw(RunId const&, OperationId, std::uint32_t attempt) override {
    return signs_of({}, {}, attempt).waits;
  }

  std::map<std::uint32_t, AttemptSigns> signs;
};

}  // namespace dalsegno::engine::test
