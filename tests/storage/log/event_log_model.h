#pragma once

// A naive model of a log, and random histories that a real one must follow it through.

#include "storage/log/chain.h"
#include "storage/log/event_log.h"
#include "tests/support/append_script.h"

#include <rapidcheck.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::storage::test {

/// What a log must hold. `append` says what the log must answer.
class ModelLog {
 public:
  explicit ModelLog(std::uint64_t epoch) : epoch_(epoch) {}

  std::optional<Errc> append(Append const& append) {
    auto& session = sessions_[append.session];
    if (append.epoch < epoch_) return Errc::fenced;
    if (append.expected_sequence == 0 && session.head) return Errc::conflict;
    if (append.expected_sequence != (session.head ? session.head->last_sequence : 0))
      return Errc::stale;
    if (session.head && session.head->run != append.run) return Errc::stale;
    session.head = append.head;
    session.steps.push_back(append.step.bytes);
    for (auto const& timer : append.timers_set) timers_.insert(timer);
    for (auto const& timer : append.timers_cleared) timers_.erase(timer);
    for (auto const& key : append.producer_keys) session.producer_keys[key.key] = key.sequence;
    for (auto const& checkpoint : append.checkpoints)
      session.checkpoints[checkpoint.sequence] = checkpoint.bytes;
    for (auto const& artifact : append.artifacts)
      session.artifacts[artifact.digest] = artifact.bytes;
    if (append.secret) session.secret = append.secret;
    return std::nullopt;
  }

  void count_commit(std::size_t steps) { commits_.push_back(steps); }
  void reopened() { ++epoch_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] std::uint64_t commits() const { return commits_.size(); }

  /// Compares everything that `log` holds.
  void check(EventLog const& log) const {
    RC_ASSERT(log.info().epoch == epoch_);
    RC_ASSERT(log.info().last_commit == commits_.size());
    for (auto const& [id, session] : sessions_) check_session(log, id, session);
    check_heads(log);
    auto const timers = log.timers(at(0), at(1000), 1000).value();
    RC_ASSERT(timers == std::vector(timers_.begin(), timers_.end()));
    check_commits(log);
  }

 private:
  struct Session {
    std::optional<Head> head;
    std::vector<std::string> steps;
    std::map<std::string, Sequence> producer_keys;
    std::map<Sequence, std::string> checkpoints;
    std::map<Digest, std::string> artifacts;
    std::optional<SessionSecret> secret;
  };

  static void check_session(EventLog const& log, SessionId const& id, Session const& session) {
    RC_ASSERT(log.head(id).value() == session.head);
    RC_ASSERT(log.secret(id).has_value() == session.secret.has_value());
    if (!session.head) return;
    auto const& run = session.head->run;
    std::vector<std::string> steps;
    RC_ASSERT(log.read_steps(id,
                             run,
                             1,
                             [&](std::string_view bytes) {
                               steps.emplace_back(bytes);
                               return true;
                             })
                  .has_value());
    RC_ASSERT(steps == session.steps);
    RC_ASSERT(
        read_verified(log, id, run, 1, Reading::run, [](auto const&) { return true; }).has_value());
    RC_ASSERT(log.runs(id).value() == std::vector{run});
    for (auto const& [key, sequence] : session.producer_keys)
      RC_ASSERT(log.find_producer_key(id, key).value() == std::optional(sequence));
    for (auto const& [digest, bytes] : session.artifacts)
      RC_ASSERT(log.artifact(id, digest).value() == bytes);
    std::vector<Sequence> checkpoints;
    for (auto const& [sequence, bytes] : session.checkpoints) {
      checkpoints.push_back(sequence);
      RC_ASSERT(log.newest_checkpoint(id, run, sequence).value()->bytes == bytes);
    }
    RC_ASSERT(log.checkpoints(id, run).value() == checkpoints);
  }

  void check_heads(EventLog const& log) const {
    std::set<SessionId> expected;
    for (auto const& [id, session] : sessions_)
      if (session.head) expected.insert(id);
    std::set<SessionId> found;
    auto const visit = [&](SessionId const& id, Head const&) { return found.insert(id).second; };
    RC_ASSERT(log.scan_heads(visit).has_value());
    RC_ASSERT(found == expected);
  }

  void check_commits(EventLog const& log) const {
    std::vector<std::size_t> found;
    Digest newest;
    auto const visit = [&](CommitRecord const& record, Digest const& digest) {
      RC_ASSERT(record.number == found.size() + 1);
      RC_ASSERT(record.previous == newest);
      newest = digest;
      found.push_back(record.steps.size());
      return true;
    };
    RC_ASSERT(log.read_commits(1, visit).has_value());
    RC_ASSERT(found == commits_);
    RC_ASSERT(log.info().last_commit_digest == newest);
  }

  std::uint64_t epoch_;
  std::vector<std::size_t> commits_;  // steps of each
  std::map<SessionId, Session> sessions_;
  std::set<Timer> timers_;
};

/// The writers of a few sessions, who now and then get something wrong.
class RandomWriters {
 public:
  explicit RandomWriters(EventLog const& log) {
    for (auto const* name : {"a", "b", "c"}) writers_.emplace_back(log, SessionId{"default", name});
  }

  void set_epoch(std::uint64_t epoch) {
    for (auto& writer : writers_) writer.set_epoch(epoch);
  }

  Append any_append(ModelLog const& model) {
    auto& writer = writers_[*rc::gen::inRange<std::size_t>(0, writers_.size())];
    std::vector<EventBody> bodies(*rc::gen::inRange<std::size_t>(1, 4), input("x"));
    auto append = writer.peek(std::move(bodies));
    add_what_goes_with_it(append);
    switch (*rc::gen::inRange(0, 10)) {
      case 0:  // said too early: what this writer continues is not there
        return writer.next({input("lost")}), writer.peek({input("after")});
      case 1:  // by somebody who had the store before
        append.epoch = append.head.epoch = model.epoch() - 1;
        return append;
      case 2:  // by somebody who takes the session for another run
        if (append.expected_sequence > 0) append.run = append.head.run = run_id(9);
        return append;
      default:
        return append;
    }
  }

  /// What was appended is what its writer goes on from.
  void went_in(Append const& append) { adopt(append.session, append.head); }
  void went_wrong(EventLog const& log, Append const& append) {
    auto const head = log.head(append.session).value();
    adopt(append.session, head ? *head : AppendScript(log, append.session).head());
  }

 private:
  static void add_what_goes_with_it(Append& append) {
    auto const some = [] { return *rc::gen::inRange(0, 3) == 0; };
    auto const timer = [&] {
      return Timer{at(*rc::gen::inRange(1, 6)),
                   append.session,
                   append.run,
                   OperationId{*rc::gen::inRange(1U, 3U)}};
    };
    if (some()) append.timers_set.push_back(timer());
    if (some()) append.timers_cleared.push_back(timer());
    if (some())
      append.producer_keys.push_back(
          {"key-" + std::to_string(append.first_sequence), append.first_sequence});
    if (some()) append.checkpoints.push_back({append.head.last_sequence, "state"});
    if (some()) append.artifacts.push_back({append.step.hash, "artifact"});
    if (append.expected_sequence == 0) append.secret.emplace().bytes.fill(7);
  }

  void adopt(SessionId const& session, Head const& head) {
    for (auto& writer : writers_)
      if (writer.session() == session) writer.adopt(head);
  }

  std::vector<AppendScript> writers_;
};

inline void append_random_batch(EventLog& log, ModelLog& model, RandomWriters& writers) {
  std::vector<Append> batch;
  std::vector<std::optional<Errc>> expected;
  std::size_t good = 0;
  auto const count = *rc::gen::inRange(1, 5);
  for (int i = 0; i < count; ++i) {
    batch.push_back(writers.any_append(model));
    expected.push_back(model.append(batch.back()));
    if (!expected.back()) {
      ++good;
      writers.went_in(batch.back());
    }
  }
  auto const receipt = log.append(batch).value();
  if (good > 0) model.count_commit(good);
  RC_ASSERT(receipt.number == (good > 0 ? model.commits() : 0));
  RC_ASSERT(receipt.each.size() == batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto const& answer = receipt.each[i];
    RC_ASSERT((answer ? std::nullopt : std::optional(answer.error().code)) == expected[i]);
    if (!answer) writers.went_wrong(log, batch[i]);
  }
}

/// A random history against `log()`, which `reopen` closes and opens again.
inline void follow_model(std::function<EventLog&()> const& log,
                         std::function<void()> const& reopen) {
  ModelLog model(log().info().epoch);
  RandomWriters writers(log());
  auto const length = *rc::gen::inRange(1, 12);
  for (int i = 0; i < length; ++i) {
    if (*rc::gen::inRange(0, 6) == 0) {
      reopen();
      model.reopened();
      writers.set_epoch(model.epoch());
    }
    append_random_batch(log(), model, writers);
    model.check(log());
  }
  reopen();
  model.reopened();
  model.check(log());
}

}  // namespace dalsegno::storage::test
