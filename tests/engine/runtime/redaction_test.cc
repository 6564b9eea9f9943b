// A secret that comes in by every way there is: none of them may leave it anywhere on the disk, in
// a message or in a prompt, in the clear or encoded; and the log still replays.

#include "storage/vault/redaction.h"

#include "dalsegno/errors.h"
#include "dalsegno/workflow.h"
#include "engine/replay/replayer.h"
#include "engine/runtime/engine.h"
#include "storage/log/chain.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tests/storage/vault/samples.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using vault::test::github_pat;

constexpr ActivityOptions twice{.start_to_close = {}, .retry = {.initial = 1ms, .max_attempts = 2}};
constexpr Activity<std::string, std::string> look{"look"};
constexpr Activity<std::string, std::string> pay{"pay"};
constexpr Activity<std::string, std::string> fails{"fails", twice};

struct Card {
  std::string holder;
  std::string memo;
};
BOOST_DESCRIBE_STRUCT(Card, (), (holder, memo))
constexpr Activity<std::string, Card> find_card{"find_card"};

struct Work {
  std::string text;
  std::string kept;  // what the code put there
};
BOOST_DESCRIBE_STRUCT(Work, (), (text, kept))

/// Takes the secret in and hands it out, in every way that a workflow has.
Workflow<std::string> handles(Context& ctx, Work work) {
  if (work.kept.empty()) {
    ctx.log("working on " + work.text + ", with my own " + github_pat(2));
    ctx.set_attribute("note", work.text + " " + github_pat(2));
    auto const read = ctx.record("read", [] { return "read " + github_pat(1); });
    co_await ctx.call(look, "look at " + read + " with " + github_pat(2));
    try {
      co_await ctx.call(fails, "please");
    } catch (Failure const& failure) {
      ctx.set_attribute("failure", std::string(failure.what()));
    }
    co_await ctx.tool<std::string>("tell", work.text);
    co_await ctx.model<std::string>("think", work.text + " " + github_pat(2));
    work.kept = "kept " + github_pat(2);
  }
  co_await ctx.checkpoint(work);
  auto const [turn, said] = co_await ctx.receive_with_sequence<std::string>("turn");
  ctx.answer(turn, ctx.last_operation(), said + " and " + github_pat(2));
  if (said == "fail") throw Failure("refused", "because of " + github_pat(2));
  if (said == "break") throw std::runtime_error("broken by " + github_pat(2));
  co_return work.kept + said + github_pat(2);
}

Workflow<std::string> pays(Context& ctx, std::string secret) {
  auto const seen = co_await ctx.call(look, secret);
  auto const paid = co_await ctx.call(pay, secret);
  auto const card = co_await ctx.call(find_card, "the one");
  co_return seen + " " + paid + " " + card.holder + " " + card.memo;
}

constexpr std::string_view policy_text = R"({"dalsegno_policy": 1, "name": "test", "rules": [
  {"id": "all", "effect": "permit", "actions": ["*.call"]},
  {"id": "pay-needs-it", "effect": "permit", "actions": ["activity.call"], "resources": ["pay"],
   "obligations": {"reveal": ["github_*"]}},
  {"id": "no-holders", "effect": "permit", "actions": ["activity.call"], "resources": ["find_card"],
   "obligations": {"redact": ["/holder"]}}]})";

class RedactionTest : public testing::Test {
 protected:
  RedactionTest() {
    registry_.add(define_workflow("handles", handles)).add(define_workflow("pays", pays));
    auto const returns = [this](ActivityContext const& context, std::string const& input) {
      notice(context.name, input);
      return "result of " + context.name + ": " + github_pat(1);
    };
    registry_.add(look, returns);
    registry_.add(pay, [this](ActivityContext const& context, std::string const& input) {
      notice(context.name, input);
      return std::string(input == github_pat(1) ? "paid" : "not paid");
    });
    registry_.add(find_card, [](ActivityContext const&, std::string const&) {
      return Card{"Ines Okafor", "gold"};
    });
    registry_.add(fails, [](ActivityContext const&, std::string const&) -> std::string {
      throw ActivityError("wrong " + github_pat(1), "cannot use " + github_pat(1));
    });
    auto const far_side = [this](ActivityContext const& context, std::string_view input) {
      notice(context.name, std::string(input));
      return ActivityReply{.payload = to_json("far " + github_pat(1)), .model = github_pat(1)};
    };
    registry_.add_tool("tell", far_side);
    registry_.add_model("think", far_side);
  }

  void notice(std::string const& name, std::string const& input) {
    std::lock_guard const lock(mutex_);
    received_[name] = input;
  }

  void open(bool redacted = true) {
    storage::RocksDbOptions how;
    how.ballast_bytes = 0;
    log_ = storage::open_rocksdb(store_, std::move(how)).value();
    redaction_ =
        vault::Redaction::open(*log_, vault::MasterKeys::parse(std::string(64, '1')).value())
            .value();
    EngineOptions options;
    if (redacted) options.intake = &redaction_->intake();
    options.say = [this](SessionId const&, std::string_view text) {
      std::lock_guard const lock(mutex_);
      said_.append(text).append("\n");
    };
    engine_ =
        Engine::start(*log_, registry_, PolicySet::parse(policy_text).value(), std::move(options))
            .value();
  }
  void close() {
    engine_.reset();
    redaction_.reset();
    log_.reset();
  }

  std::string run(std::string const& name, std::string const& turn) {
    SessionId const session{"default", name};
    auto const started = engine_->start_session(
        {session, "handles", to_json(Work{"use " + github_pat(1), ""}), "agent " + github_pat(1)});
    EXPECT_TRUE(started) << started.error().detail;
    SignalInput input{"turn", to_json(turn), "key " + github_pat(1), "client " + github_pat(1)};
    auto const answer = engine_->ask(session, input);
    auto const end = engine_->wait_for_end(session);
    return (answer ? *answer : answer.error().detail) + "\n" +
           (end ? end->result + end->message : end.error().detail);
  }

  /// Everything that is in the files of the store.
  std::string files() const {
    std::string all;
    for (auto const& file : std::filesystem::recursive_directory_iterator(store_)) {
      if (!file.is_regular_file()) continue;
      std::ifstream in(file.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  }

  /// What the log gives, decompressed.
  std::string log_contents() {
    std::string all;
    static_cast<void>(log_->scan_heads([&](SessionId const& session, storage::Head const& head) {
      static_cast<void>(log_->read_steps(session, head.run, 1, [&](std::string_view bytes) {
        all += bytes;
        return true;
      }));
      for (auto const sequence : log_->checkpoints(session, head.run).value())
        all += log_->newest_checkpoint(session, head.run, sequence).value()->bytes;
      static_cast<void>(log_->scan_vault(session, [&](storage::VaultRecord const& record) {
        all += record.bytes;
        return true;
      }));
      return true;
    }));
    return all;
  }

  void expect_clean(std::string const& where, std::string_view what) {
    for (unsigned seed : {1U, 2U}) {
      auto const secret = github_pat(seed);
      EXPECT_EQ(where.find(secret), std::string::npos) << what << " has secret " << seed;
      EXPECT_EQ(where.find(hex(secret)), std::string::npos) << what << " has it in hex";
      EXPECT_EQ(where.find(base64_body(secret)), std::string::npos) << what << " has it in base64";
    }
  }
  static std::string hex(std::string_view text) {
    std::string out;
    for (char const c : text) {
      auto const byte = static_cast<unsigned char>(c);
      out += vault::test::hex[byte >> 4U];
      out += vault::test::hex[byte & 15U];
    }
    return out;
  }
  /// Of a text whose first three bytes are complete.
  static std::string base64_body(std::string_view text) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i + 2 < text.size(); i += 3) {
      auto const byte = [&](std::size_t at) {
        return static_cast<unsigned>(static_cast<unsigned char>(text[i + at]));
      };
      auto const all = byte(0) << 16U | byte(1) << 8U | byte(2);
      for (unsigned shift : {18U, 12U, 6U, 0U}) out += digits[(all >> shift) & 63U];
    }
    return out;
  }

  void expect_replays(std::string const& name) {
    auto const find = [this](std::string_view workflow) {
      return registry_.find_workflow(workflow);
    };
    for (auto const kind : {ReplayFrom::Kind::start, ReplayFrom::Kind::newest_checkpoint}) {
      auto const report = replay_session(*log_, find, {"default", name}, {kind, 0});
      ASSERT_TRUE(report) << report.error().detail;
      EXPECT_FALSE(report->divergence) << describe(*report->divergence);
    }
  }

  test::TemporaryFolder folder_;
  std::filesystem::path store_ = folder_.path() / "store";
  Registry registry_;
  std::mutex mutex_;
  std::map<std::string, std::string> received_;  // guarded by mutex_
  std::string said_;                             // guarded by mutex_
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<vault::Redaction> redaction_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(RedactionTest, leaves_a_secret_nowhere_by_whatever_way_it_comes) {
  open();
  std::string told;
  for (auto const* const how : {"go on", "fail", "break"}) told += run(how, how);
  told += run("again", "with " + github_pat(1));
  static_cast<void>(engine_->cancel({"default", "again"}, {"ann", github_pat(1)}));
  engine_->stop();
  expect_clean(log_contents(), "the log");
  expect_clean(said_, "what people are told");
  expect_clean(told, "what clients are told");
  for (auto const& [name, input] : received_) expect_clean(input, "the input of " + name);
  EXPECT_THAT(log_contents(), HasSubstr("[secret:github_pat:"));
  EXPECT_THAT(said_, HasSubstr("working on use [secret:github_pat:"));
  EXPECT_THAT(received_.at("think"), HasSubstr("[secret:github_pat:"));
  for (auto const* const how : {"go on", "fail", "again"}) expect_replays(how);
  close();
  expect_clean(files(), "a file");
}

TEST_F(RedactionTest, would_be_found_if_nothing_were_redacted) {
  open(false);
  run("plain", "go on");
  engine_->stop();
  EXPECT_THAT(log_contents(), HasSubstr(github_pat(1)));
  EXPECT_THAT(log_contents(), HasSubstr(github_pat(2)));
  close();
  EXPECT_THAT(files(), HasSubstr(github_pat(1)));
}

TEST_F(RedactionTest, gives_the_original_to_the_call_whose_permit_reveals_it_and_to_no_other) {
  open();
  SessionId const session{"default", "order"};
  ASSERT_TRUE(engine_->start_session({session, "pays", to_json(github_pat(1)), "ann"}));
  auto const end = engine_->wait_for_end(session);
  ASSERT_TRUE(end) << end.error().detail;
  EXPECT_EQ(received_.at("pay"), github_pat(1));
  EXPECT_THAT(received_.at("look"), HasSubstr("[secret:github_pat:"));
  EXPECT_THAT(end->result, HasSubstr(" paid "));
  engine_->stop();
  expect_clean(log_contents(), "the log");
  expect_replays("order");
}

TEST_F(RedactionTest, records_no_part_of_a_result_that_the_permit_says_to_redact) {
  open();
  SessionId const session{"default", "order"};
  ASSERT_TRUE(engine_->start_session({session, "pays", to_json(github_pat(1)), "ann"}));
  auto const end = engine_->wait_for_end(session);
  ASSERT_TRUE(end) << end.error().detail;
  EXPECT_THAT(end->result, HasSubstr("[secret:policy:"));
  EXPECT_THAT(end->result, HasSubstr("gold"));
  engine_->stop();
  EXPECT_THAT(log_contents(), Not(HasSubstr("Ines Okafor")));
  close();
  EXPECT_THAT(files(), Not(HasSubstr("Ines Okafor")));
}

TEST_F(RedactionTest, denies_what_it_cannot_fulfil_without_a_redactor) {
  open(false);
  SessionId const session{"default", "order"};
  ASSERT_TRUE(engine_->start_session({session, "pays", to_json(github_pat(1)), "ann"}));
  auto const end = engine_->wait_for_end(session);
  ASSERT_TRUE(end) << end.error().detail;
  EXPECT_EQ(end->status, storage::SessionStatus::failed);
  EXPECT_FALSE(received_.contains("pay"));
}

TEST_F(RedactionTest, takes_a_repeated_start_and_signal_for_what_they_are) {
  open();
  SessionId const session{"default", "twice"};
  StartRequest const start{session, "handles", to_json(Work{"use " + github_pat(1), ""}), "ann"};
  ASSERT_TRUE(engine_->start_session(start));
  EXPECT_TRUE(engine_->start_session(start).value().repeated);
  auto other = start;
  other.input = to_json(Work{"use " + github_pat(2), ""});
  EXPECT_EQ(engine_->start_session(other).error().code, Errc::conflict);
  SignalInput const input{"other", to_json(github_pat(1)), "key " + github_pat(1), ""};
  EXPECT_FALSE(engine_->signal(session, input).value().repeated);
  EXPECT_TRUE(engine_->signal(session, input).value().repeated);
}

}  // namespace
}  // namespace dalsegno::engine
