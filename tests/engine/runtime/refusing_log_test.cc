// A log that refuses: the disk is gone, a newer writer has the store, a step does not fit.

#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::int64_t, std::int64_t> effect{
    "effect", {.start_to_close = {}, .retry = {.initial = 1ms, .max_attempts = 3}}};

Workflow<std::int64_t> chain(Context& ctx, std::int64_t calls) {
  std::int64_t sum = 0;
  for (; calls > 0; --calls) sum += co_await ctx.call(effect, calls);
  co_await ctx.sleep(1ms);
  sum += co_await ctx.receive<std::int64_t>("number");
  co_return sum;
}

std::atomic<std::thread::id> shard_thread;

Workflow<std::int64_t> where(Context& /*ctx*/, std::int64_t number) {
  shard_thread = std::this_thread::get_id();
  co_return number;
}

class RefusingLogTest : public RuntimeTest {
 protected:
  RefusingLogTest() {
    registry.add(define_workflow("chain", chain));
    registry.add(effect, [this](ActivityContext const& context, std::int64_t number) {
      // Nothing leaves before it is written.
      auto const operation = context.operation;
      bool started = false;
      for (auto const& event : history(context.session)) {
        auto const* const attempt = std::get_if<storage::AttemptStarted>(&event.body);
        if (attempt != nullptr && event.operation == operation) {
          started = started || attempt->attempt == context.attempt;
        }
      }
      EXPECT_TRUE(started) << context.idempotency_key << " attempt " << context.attempt;
      std::lock_guard const lock(mutex);
      ++effects[context.idempotency_key];
      return number;
    });
  }

  void expect_one_effect_for_each_attempt(SessionId const& id) {
    std::map<OperationId, int> started;
    for (auto const& event : history(id)) {
      if (std::holds_alternative<storage::AttemptStarted>(event.body)) ++started[event.operation];
    }
    std::lock_guard const lock(mutex);
    for (auto const& [key, times] : effects) {
      auto const operation = static_cast<OperationId>(std::stoull(key.substr(key.rfind('/') + 1)));
      EXPECT_LE(times, started[operation]) << key;
    }
  }

  std::mutex mutex;
  std::map<std::string, int> effects;
};

TEST_F(RefusingLogTest, after_a_failed_write_nothing_is_acknowledged_and_nobody_is_left_waiting) {
  for (int writes = 0;; ++writes) {
    SCOPED_TRACE("the disk fails after " + std::to_string(writes) + " writes");
    store = storage::make_memory_store(11);
    effects.clear();
    open();  // records the policy, which is not what is looked at here
    std::atomic<int> left = writes;
    bool happened = false;
    open([&](auto) -> std::optional<Result<storage::CommitReceipt>> {
      if (left-- > 0) return std::nullopt;
      happened = true;
      return Result<storage::CommitReceipt>(Error{Errc::io, "the disk is gone"});
    });
    auto const id = name("chain");
    auto const started = engine->start_session({id, "chain", "3", ""});
    auto const sent = engine->signal(id, {"number", "10", "k", ""});
    auto const end = engine->wait_for_end(id);
    if (started) EXPECT_TRUE(log->head(id).value());
    if (!started) EXPECT_EQ(started.error().code, Errc::io);
    if (sent) EXPECT_EQ(log->find_producer_key(id, "k").value(), sent->sequence);
    if (!end) EXPECT_EQ(end.error().code, Errc::io) << end.error().detail;
    engine->stop();
    EXPECT_EQ(engine->failure().has_value(), happened);
    expect_one_effect_for_each_attempt(id);
    if (!happened) {
      EXPECT_EQ(end->result, "16");
      break;  // ran to the end: every write has had its turn
    }
    bool const existed = log->head(id).value().has_value();
    // The next process goes on from what is there.
    open();
    auto const again = engine->start_session({id, "chain", "3", ""});
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->repeated, existed);
    ASSERT_TRUE(engine->signal(id, {"number", "10", "k", ""}));
    EXPECT_EQ(end_of(id), "16");
    EXPECT_EQ(count<storage::InputReceived>(id), 1U);
    expect_one_effect_for_each_attempt(id);
    expect_replays(id);
  }
}

TEST_F(RefusingLogTest, nothing_begins_after_the_log_has_failed) {
  open();
  std::atomic<bool> broken = false;
  open([&](auto) -> std::optional<Result<storage::CommitReceipt>> {
    if (!broken) return std::nullopt;
    return Result<storage::CommitReceipt>(Error{Errc::no_space, "the disk is full"});
  });
  start(name("waits"), "chain", "0");
  std::jthread waiting(
      [this] { EXPECT_EQ(engine->wait_for_end(name("waits")).error().code, Errc::no_space); });
  broken = true;
  EXPECT_EQ(engine->start_session({name("other"), "chain", "1", ""}).error().code, Errc::no_space);
  waiting.join();
  EXPECT_EQ(engine->signal(name("waits"), {"number", "1", "", ""}).error().code, Errc::no_space);
  EXPECT_EQ(engine->ask(name("waits"), {"number", "1", "", ""}).error().code, Errc::no_space);
  EXPECT_EQ(engine->release(name("waits"), "me", "why").error().code, Errc::no_space);
  EXPECT_TRUE(effects.empty());
}

// A session whose step was refused stayed out of memory with its attempt open and its timer passed
// over, and a repeated signal was acknowledged although the first one had not been recorded.
TEST_F(RefusingLogTest, a_session_whose_step_was_refused_is_read_back_and_goes_on) {
  for (int write = 1;; ++write) {
    SCOPED_TRACE("write " + std::to_string(write) + " is refused");
    store = storage::make_memory_store(11);
    effects.clear();
    open();
    std::atomic<int> left = write;
    bool happened = false;
    open([&](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
      if (--left != 0) return std::nullopt;
      happened = true;
      storage::CommitReceipt receipt;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        receipt.each.emplace_back(Error{Errc::stale, "another step came first"});
      }
      return receipt;
    });
    auto const id = name("chain");
    while (!engine->start_session({id, "chain", "2", ""})) {
    }
    auto sent = engine->signal(id, {"number", "10", "k", ""});
    while (!sent) {
      EXPECT_EQ(sent.error().code, Errc::stale) << sent.error().detail;
      sent = engine->signal(id, {"number", "10", "k", ""});
    }
    EXPECT_EQ(log->find_producer_key(id, "k").value(), sent->sequence);
    EXPECT_EQ(end_of(id), "13");
    EXPECT_EQ(count<storage::InputReceived>(id), 1U);
    expect_one_effect_for_each_attempt(id);
    expect_replays(id);
    if (!happened) break;
  }
}

TEST_F(RefusingLogTest, a_lone_step_is_written_by_the_shard_itself_unless_told_otherwise) {
  registry.add(define_workflow("where", where));
  for (std::size_t const hurry : {0U, 2U}) {
    options.hurry_up_to = hurry;
    std::atomic<std::thread::id> writer;
    open([&](TamperedLog::Batch) -> std::optional<Result<storage::CommitReceipt>> {
      writer = std::this_thread::get_id();
      return std::nullopt;
    });
    auto const id = name("where-" + std::to_string(hurry));
    start(id, "where", "1");
    EXPECT_EQ(end_of(id), "1");
    EXPECT_EQ(writer.load() == shard_thread.load(), hurry > 0);
  }
}

TEST_F(RefusingLogTest, a_repeated_signal_is_not_acknowledged_when_the_first_one_is_refused) {
  options.hurry_up_to = 0;
  std::latch both_sent(1);
  std::atomic<bool> refuse = false;
  open([&](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
    if (!refuse.exchange(false)) return std::nullopt;
    both_sent.wait();
    storage::CommitReceipt receipt;
    receipt.each.assign(batch.size(), Error{Errc::stale, "another step came first"});
    return receipt;
  });
  auto const id = name("chain");
  start(id, "chain", "0");
  refuse = true;
  std::latch told(2);
  for (int time = 0; time < 2; ++time) {
    engine->signal(id, {"number", "10", "k", ""}, [&](Result<Receipt> const& receipt) {
      EXPECT_FALSE(receipt) << "told of sequence " << receipt->sequence;
      told.count_down();
    });
  }
  let_the_shard_catch_up();
  both_sent.count_down();
  told.wait();
  ASSERT_TRUE(engine->signal(id, {"number", "10", "k", ""}));
  EXPECT_EQ(end_of(id), "10");
}

TEST_F(RefusingLogTest, whoever_lost_the_store_to_a_newer_writer_appends_nothing_and_calls_nobody) {
  open();
  auto const id = name("chain");
  start(id, "chain", "0");
  auto const newer = storage::open_memory(store);
  auto const before = history(id);
  EXPECT_EQ(engine->signal(id, {"number", "1", "k", ""}).error().code, Errc::fenced);
  EXPECT_EQ(engine->start_session({name("other"), "chain", "1", ""}).error().code, Errc::fenced);
  EXPECT_EQ(engine->wait_for_end(id).error().code, Errc::fenced);
  engine->stop();
  ASSERT_TRUE(engine->failure());
  EXPECT_EQ(engine->failure()->code, Errc::fenced);
  EXPECT_EQ(history(id), before);
  EXPECT_FALSE(newer->head(name("other")).value());
  EXPECT_TRUE(effects.empty());
}

}  // namespace
}  // namespace dalsegno::engine::test
