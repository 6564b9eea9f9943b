#pragma once

// An engine over a log in memory that can be stopped and started again, and a log that a test can
// make fail.

#include "dalsegno/workflow.h"
#include "engine/replay/replayer.h"
#include "engine/runtime/engine.h"
#include "storage/log/chain.h"
#include "storage/memory/memory_log.h"
#include "tests/support/forwarding_log.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine::test {

/// A test may answer an append itself.
class TamperedLog final : public dalsegno::test::ForwardingLog {
 public:
  using Batch = std::span<storage::Append const>;
  /// nullopt: the log beneath appends. Called on whatever thread appends, one call at a time.
  using OnAppend = std::function<std::optional<Result<storage::CommitReceipt>>(Batch)>;

  TamperedLog(std::unique_ptr<storage::EventLog> log, OnAppend on_append)
      : ForwardingLog(std::move(log)), on_append_(std::move(on_append)) {}

  Result<storage::CommitReceipt> append(Batch batch) override {
    if (on_append_) {
      if (auto answer = on_append_(batch)) return std::move(*answer);
    }
    return ForwardingLog::append(batch);
  }

 private:
  OnAppend on_append_;
};

inline PolicySet permit_all() {
  return PolicySet::parse(R"({"dalsegno_policy": 1, "name": "all", "rules": [
    {"id": "all", "effect": "permit", "actions": ["*.call"]}]})")
      .value();
}

class RuntimeTest : public testing::Test {
 protected:
  void TearDown() override { close(); }  // before the members of the test itself

  /// Begins a process over the store: the one before has ended.
  void open(TamperedLog::OnAppend on_append = {}) {
    close();
    log = std::make_unique<TamperedLog>(storage::open_memory(store), std::move(on_append));
    auto started = Engine::start(*log, registry, policy, options);
    ASSERT_TRUE(started) << started.error().detail;
    engine = std::move(*started);
  }
  void close() {
    engine.reset();
    log.reset();
  }

  [[nodiscard]] static SessionId name(std::string text) { return {"default", std::move(text)}; }

  void start(SessionId const& id, std::string const& workflow, std::string const& input) {
    auto const receipt = engine->start_session({id, workflow, input, "tester"});
    ASSERT_TRUE(receipt) << receipt.error().detail;
  }
  [[nodiscard]] std::string end_of(SessionId const& id) {
    auto const end = engine->wait_for_end(id);
    if (!end) return std::string(name_of(end.error().code)) + ": " + end.error().detail;
    return end->result + end->type;
  }

  /// Returns once the shard has taken what was sent before (there is one shard).
  void let_the_shard_catch_up() {
    EXPECT_EQ(engine->start_session({name("nobody"), "no such workflow", "0", ""}).error().code,
              Errc::unknown_workflow);
  }

  /// The chain verifies.
  [[nodiscard]] std::vector<storage::Event> history(SessionId const& id) const {
    std::vector<storage::Event> events;
    auto const head = log->head(id).value();
    if (!head) return events;
    auto const take = [&](storage::DecodedStep const& step) {
      events.insert(events.end(), step.step.events.begin(), step.step.events.end());
      return true;
    };
    auto const read = storage::read_verified(*log, id, head->run, 1, storage::Reading::run, take);
    EXPECT_TRUE(read) << read.error().detail;
    return events;
  }
  template <class Body>
  [[nodiscard]] std::size_t count(SessionId const& id) const {
    std::size_t found = 0;
    for (auto const& event : history(id)) found += std::holds_alternative<Body>(event.body) ? 1 : 0;
    return found;
  }
  void expect_replays(SessionId const& id) const {
    auto const find = [this](std::string_view workflow) {
      return registry.find_workflow(workflow);
    };
    auto const report = replay_session(*log, find, id, {ReplayFrom::Kind::start, 0});
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_FALSE(report->divergence) << describe(*report->divergence);
  }

  Registry registry;
  PolicySet policy = permit_all();
  EngineOptions options;
  std::shared_ptr<storage::MemoryStore> store = storage::make_memory_store(11);
  std::unique_ptr<TamperedLog> log;
  std::unique_ptr<Engine> engine;
};

}  // namespace dalsegno::engine::test
