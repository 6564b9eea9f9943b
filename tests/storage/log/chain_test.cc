#include "storage/log/chain.h"

#include "storage/memory/memory_log.h"
#include "tests/support/append_script.h"

#include <gtest/gtest.h>

namespace dalsegno::storage::test {
namespace {

/// A run of four steps, 1 to 8, as they are stored.
class Chain : public testing::Test {
 protected:
  Chain() {
    for (int i = 0; i < 4; ++i) steps_.push_back(read(script_.next({input("a"), input("b")})));
  }

  static DecodedStep read(Append const& append) { return decode(append.step.bytes).value(); }
  [[nodiscard]] ChainVerifier verifier() const {
    return {log_->info().log_id, script_.session(), script_.run()};
  }

  static void expect_broken(ChainVerifier& chain, DecodedStep const& step, std::string_view why) {
    auto const before = chain.last_sequence();
    auto const checked = chain.check(step);
    ASSERT_FALSE(checked.has_value()) << why;
    EXPECT_EQ(checked.error().code, Errc::corrupt);
    EXPECT_NE(checked.error().detail.find(why), std::string::npos) << checked.error().detail;
    EXPECT_EQ(chain.last_sequence(), before);
  }

  std::unique_ptr<EventLog> log_ = open_memory(make_memory_store(1));
  AppendScript script_{*log_, {"default", "a"}};
  std::vector<DecodedStep> steps_;
};

TEST_F(Chain, follows_a_run_to_its_end) {
  auto chain = verifier();
  for (auto const& step : steps_) ASSERT_TRUE(chain.check(step).has_value());
  EXPECT_EQ(chain.last_sequence(), 8U);
  EXPECT_EQ(chain.hash(), script_.head().hash);
}

TEST_F(Chain, refuses_a_gap_and_a_repetition) {
  auto chain = verifier();
  expect_broken(chain, steps_[1], "the step before it ends at 0");
  ASSERT_TRUE(chain.check(steps_[0]));
  expect_broken(chain, steps_[2], "the step before it ends at 2");
  expect_broken(chain, steps_[0], "the step before it ends at 2");
  EXPECT_TRUE(chain.check(steps_[1]));
}

TEST_F(Chain, refuses_a_step_after_another_than_it_names) {
  auto chain = verifier();
  AppendScript other(*log_, {"default", "a"});
  ASSERT_TRUE(chain.check(read(other.next({input("other"), input("b")}))));
  expect_broken(chain, steps_[1], "follows a step with hash");
}

TEST_F(Chain, refuses_steps_of_others) {
  auto const info = log_->info();
  auto chain = ChainVerifier(info.log_id, {"default", "b"}, script_.run());
  expect_broken(chain, steps_[0], "default/b");
  chain = ChainVerifier(info.log_id, script_.session(), run_id(2));
  expect_broken(chain, steps_[0], "run");
  chain = ChainVerifier(run_id(7), script_.session(), script_.run());
  expect_broken(chain, steps_[0], "another log");
}

TEST_F(Chain, refuses_an_epoch_that_runs_backward) {
  auto chain = verifier();
  script_.set_epoch(3);
  auto const newer = read(script_.next({input("c")}));
  script_.set_epoch(2);
  auto const older = read(script_.next({input("d")}));
  for (auto const& step : steps_) ASSERT_TRUE(chain.check(step));
  ASSERT_TRUE(chain.check(newer));
  expect_broken(chain, older, "older");
}

TEST_F(Chain, resumes_after_a_known_step) {
  auto chain = verifier();
  chain.resume_after(4, steps_[1].hash);
  EXPECT_TRUE(chain.check(steps_[2]));
  chain.resume_after(4, steps_[0].hash);
  expect_broken(chain, steps_[2], "follows a step with hash");
}

TEST_F(Chain, begins_anywhere_if_it_may_and_then_follows) {
  auto chain = verifier();
  chain.accept_any_start();
  EXPECT_TRUE(chain.check(steps_[1]));
  expect_broken(chain, steps_[3], "the step before it ends at 4");
  EXPECT_TRUE(chain.check(steps_[2]));
}

TEST_F(Chain, holds_the_first_step_of_a_run_to_the_run_that_it_follows) {
  auto const first =
      [&](std::optional<RunId> follows, Digest const& follows_hash, Digest const& previous) {
        SessionStarted started;
        started.follows = follows;
        started.follows_hash = follows_hash;
        Head before = AppendScript(*log_, {"default", "a"}).head();
        before.hash = previous;
        AppendScript script(*log_, {"default", "a"});
        script.adopt(before);
        auto chain = verifier();
        return chain.check(read(script.next({started}))).has_value();
      };
  auto const end = sha256({"the end of the run before"});
  EXPECT_TRUE(first(std::nullopt, {}, {}));
  EXPECT_TRUE(first(run_id(5), end, end));
  EXPECT_FALSE(first(std::nullopt, {}, end));
  EXPECT_FALSE(first(run_id(5), end, {}));
  EXPECT_FALSE(first(run_id(5), end, sha256({"other"})));
}

/// A log that hands out other steps than it was given.
class DamagedLog final : public EventLog {
 public:
  explicit DamagedLog(std::unique_ptr<EventLog> log) : log_(std::move(log)) {}

  std::vector<std::string> steps;

  Result<> read_steps(SessionId const&,
                      RunId const&,
                      Sequence,
                      StepVisitor const& visit) const override {
    for (auto const& step : steps)
      if (!visit(step)) break;
    return {};
  }
  StoreInfo info() const override { return log_->info(); }
  Result<CommitReceipt> append(std::span<Append const> batch) override {
    return log_->append(batch);
  }
  Result<std::optional<Head>> head(SessionId const& session) const override {
    return log_->head(session);
  }
  Result<> scan_heads(HeadVisitor const& visit) const override { return log_->scan_heads(visit); }
  Result<std::vector<RunId>> runs(SessionId const& session) const override {
    return log_->runs(session);
  }
  Result<std::vector<Timer>> timers(Time from, Time until, std::size_t limit) const override {
    return log_->timers(from, until, limit);
  }
  Result<> scan_errands(ErrandVisitor const& visit) const override {
    return log_->scan_errands(visit);
  }
  Result<std::optional<Sequence>> find_producer_key(SessionId const& session,
                                                    std::string_view key) const override {
    return log_->find_producer_key(session, key);
  }
  Result<std::optional<StoredCheckpoint>> newest_checkpoint(SessionId const& session,
                                                            RunId const& run,
                                                            Sequence at_most) const override {
    return log_->newest_checkpoint(session, run, at_most);
  }
  Result<std::vector<Sequence>> checkpoints(SessionId const& session,
                                            RunId const& run) const override {
    return log_->checkpoints(session, run);
  }
  Result<std::string> artifact(SessionId const& session, Digest const& digest) const override {
    return log_->artifact(session, digest);
  }
  Result<SessionSecret> secret(SessionId const& session) const override {
    return log_->secret(session);
  }
  Result<std::optional<std::string>> vault_record(SessionId const& session,
                                                  std::string_view name) const override {
    return log_->vault_record(session, name);
  }
  Result<> scan_vault(SessionId const& session, VaultVisitor const& visit) const override {
    return log_->scan_vault(session, visit);
  }
  Result<> put_vault(SessionId const& session, std::span<VaultRecord const> records) override {
    return log_->put_vault(session, records);
  }
  Result<> destroy_vault(SessionId const& session, std::span<VaultRecord const> kept) override {
    return log_->destroy_vault(session, kept);
  }
  Result<> read_commits(std::uint64_t from, CommitVisitor const& visit) const override {
    return log_->read_commits(from, visit);
  }
  Result<std::string> step_at(std::string_view key) const override { return log_->step_at(key); }
  Result<> put_meta(std::string_view key, std::string_view value) override {
    return log_->put_meta(key, value);
  }
  Result<std::optional<std::string>> get_meta(std::string_view key) const override {
    return log_->get_meta(key);
  }
  Result<> room_for_new_sessions() const override { return log_->room_for_new_sessions(); }
  Result<> compact() override { return log_->compact(); }

 private:
  std::unique_ptr<EventLog> log_;
};

class ReadVerified : public testing::Test {
 protected:
  ReadVerified() {
    for (int i = 0; i < 4; ++i) {
      auto const append = script_.next({input("a"), input("b")});
      EXPECT_TRUE(log_.append({&append, 1})->each.front().has_value());
      log_.steps.push_back(append.step.bytes);
    }
  }

  Result<> read(Sequence from) {
    seen_ = 0;
    return read_verified(
        log_, script_.session(), script_.run(), from, Reading::run, [&](auto const&) {
          return ++seen_ != stop_after_;
        });
  }

  DamagedLog log_{open_memory(make_memory_store(1))};
  AppendScript script_{log_, {"default", "a"}};
  int seen_ = 0;
  int stop_after_ = 0;
};

TEST_F(ReadVerified, visits_all_steps_or_as_many_as_are_wanted) {
  EXPECT_TRUE(read(1).has_value());
  EXPECT_EQ(seen_, 4);
  stop_after_ = 2;
  EXPECT_TRUE(read(1).has_value());
  EXPECT_EQ(seen_, 2);
}

TEST_F(ReadVerified, sees_that_a_step_was_changed_left_out_or_moved) {
  auto const intact = log_.steps;
  log_.steps[1][intact[1].size() - 5] ^= 1;
  EXPECT_EQ(read(1).error().code, Errc::corrupt);
  log_.steps = {intact[0], intact[2], intact[3]};
  EXPECT_EQ(read(1).error().code, Errc::corrupt);
  log_.steps = {intact[0], intact[2], intact[1], intact[3]};
  EXPECT_EQ(read(1).error().code, Errc::corrupt);
  log_.steps = {intact[1], intact[2], intact[3]};
  EXPECT_EQ(read(1).error().code, Errc::corrupt);
}

TEST_F(ReadVerified, sees_that_the_end_is_missing_or_another) {
  log_.steps.pop_back();
  EXPECT_EQ(read(1).error().code, Errc::data_loss);
  Head head = script_.head();
  head.last_sequence = 6;
  head.hash = decode(log_.steps.back())->hash;
  script_.adopt(head);
  log_.steps.push_back(script_.next({input("a"), input("forged")}).step.bytes);
  EXPECT_EQ(read(1).error().code, Errc::data_loss);
}

TEST_F(ReadVerified, wants_the_step_that_contains_the_sequence_first) {
  auto const intact = log_.steps;
  log_.steps = {intact[2], intact[3]};
  EXPECT_TRUE(read(5).has_value());
  EXPECT_TRUE(read(6).has_value());
  EXPECT_EQ(read(4).error().code, Errc::corrupt);
  EXPECT_EQ(read(7).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace dalsegno::storage::test
