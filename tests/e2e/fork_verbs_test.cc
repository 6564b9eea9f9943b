// `dalsegno fork`, `restart` and `ls --dead-letters` as a person uses them on a store whose runtime
// has ended.

#include "dalsegno/dalsegno.h"
#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Activity<int, std::string> transfer{"transfer",
                                              {.retry = {.initial = {}, .max_attempts = 2}}};
constexpr Activity<int, std::string> once{"once", {.effect = EffectClass::at_most_once}};

Workflow<std::string> pay(Context& ctx, int amount) {
  co_return co_await ctx.call(transfer, amount);
}
Workflow<std::string> pay_once(Context& ctx, int amount) {
  co_return co_await ctx.call(once, amount);
}
Workflow<std::string> broken(Context& ctx, int) {
  co_await ctx.receive<int>("go");
  throw std::logic_error("a bug");
}
Workflow<std::string> refuses(Context&, int) {
  throw Failure("refused", "not today");
  co_return "";
}

constexpr char const* permit_all = R"({"dalsegno_policy": 1, "name": "all", "rules": [
  {"id": "all", "effect": "permit", "actions": ["*.call"]}]})";

class ForkVerbs : public testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string const& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] Ran verb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", path("store")});
    return dalsegno(arguments);
  }
  [[nodiscard]] std::unique_ptr<Runtime> runtime() {
    auto store = Store::open(path("store"));
    EXPECT_TRUE(store) << store.error().detail;
    Registry registry;
    registry.add(define_workflow("pay", pay)).add(define_workflow("pay_once", pay_once));
    registry.add(define_workflow("broken", broken)).add(define_workflow("refuses", refuses));
    auto const answer = [this](ActivityContext const&, int amount) -> std::string {
      ++calls_;
      if (!works_) throw ActivityError("bank_closed", "the bank is closed");
      return "paid " + std::to_string(amount);
    };
    registry.add(transfer, answer);
    registry.add(once, [](ActivityContext const&, int) -> std::string {
      throw std::runtime_error("the connection broke off");
    });
    RuntimeOptions options;
    options.policy = permit_all;
    auto started = Runtime::start(std::move(*store), std::move(registry), std::move(options));
    EXPECT_TRUE(started) << started.error().detail;
    return std::move(*started);
  }
  [[nodiscard]] std::string result(std::string const& session) {
    auto const bank = runtime();
    auto const paid = bank->result<std::string>({.name = session});
    return paid ? *paid : paid.error().detail;
  }
  void expect_verified() const {
    auto const ran = verb({"verify", "--strict"});
    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  }

  TemporaryFolder folder_;
  std::atomic<int> calls_ = 0;
  std::atomic<bool> works_ = true;
};

TEST_F(ForkVerbs, a_fork_shows_what_is_not_undone_and_goes_on_in_the_next_runtime) {
  {
    auto const bank = runtime();
    ASSERT_TRUE(bank->start_session({.name = "one"}, "pay", 70));
    ASSERT_TRUE(bank->result<std::string>({.name = "one"}));
  }
  auto const forked = verb({"fork", "one", "--at", "2", "--by", "ann", "--reason", "again"});
  EXPECT_EQ(forked.code, 0) << forked.err;
  EXPECT_THAT(forked.out, HasSubstr("default/one is forked after event 4 of run "));
  EXPECT_THAT(forked.out, HasSubstr("\tactivity\ttransfer\tcompleted\tdefault/one/"));
  EXPECT_THAT(forked.err, HasSubstr("are not undone"));
  expect_verified();
  EXPECT_EQ(result("one"), "paid 70");
  EXPECT_EQ(calls_, 2);
  expect_verified();
  auto const shown = verb({"show", "one"});
  EXPECT_THAT(shown.out, HasSubstr("forked from one, run "));
  EXPECT_THAT(shown.out, HasSubstr("what it did later is not undone (1 call)"));
  EXPECT_THAT(verb({"show", "_store/operator"}).out,
              HasSubstr("operator.fork default/one by ann: again"));
  auto const log = verb({"log", "one", "--json"});
  EXPECT_THAT(log.out, HasSubstr(R"("type":"Forked")"));
  EXPECT_EQ(verb({"why", "one"}).code, 0);
}

TEST_F(ForkVerbs, a_new_session_is_made_beside_the_old_one) {
  {
    auto const bank = runtime();
    ASSERT_TRUE(bank->start_session({.name = "one"}, "pay", 70));
    ASSERT_TRUE(bank->result<std::string>({.name = "one"}));
  }
  auto const forked =
      verb({"fork", "one", "--at", "4", "--into", "two", "--reason", "to look at", "--json"});
  EXPECT_EQ(forked.code, 0) << forked.err;
  EXPECT_THAT(forked.out, HasSubstr(R"("schema":"dalsegno.forked")"));
  EXPECT_THAT(forked.out, HasSubstr(R"("session":"two")"));
  EXPECT_THAT(forked.out, HasSubstr(R"("from_session":"one")"));
  EXPECT_EQ(result("two"), "paid 70");
  expect_verified();
  auto const again = verb({"fork", "one", "--at", "4", "--into", "two", "--reason", "once more"});
  EXPECT_EQ(again.code, 2) << again.err;
  EXPECT_THAT(again.err, HasSubstr("exists: choose another name"));
}

TEST_F(ForkVerbs, a_restart_ends_what_is_open_and_begins_again) {
  {
    auto const bank = runtime();
    ASSERT_TRUE(bank->start_session({.name = "bug"}, "broken", 1));
  }
  auto const refused = verb({"fork", "bug", "--at", "1", "--reason", "x"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("terminate it first"));
  auto const again = verb({"restart", "bug", "--by", "ann", "--reason", "from the top"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("default/bug begins again, as run "));
  expect_verified();
  EXPECT_THAT(verb({"ls"}).out, HasSubstr("bug\tbroken\topen"));
}

TEST_F(ForkVerbs, dead_letters_are_what_waits_for_a_person_or_has_run_out) {
  works_ = false;
  {
    auto const bank = runtime();
    ASSERT_TRUE(bank->start_session({.name = "bug"}, "broken", 1));
    ASSERT_FALSE(bank->signal({.name = "bug"}, "go", 1));
    ASSERT_TRUE(bank->start_session({.name = "fine"}, "broken", 1));
    ASSERT_TRUE(bank->start_session({.name = "out"}, "pay", 70));
    EXPECT_FALSE(bank->result<std::string>({.name = "out"}));
    ASSERT_TRUE(bank->start_session({.name = "itself"}, "refuses", 1));
    EXPECT_FALSE(bank->result<std::string>({.name = "itself"}));
    ASSERT_TRUE(bank->start_session({.name = "unsure"}, "pay_once", 1));
    while (bank->in_doubt()->empty()) std::this_thread::yield();
  }
  auto const listed = verb({"ls", "--dead-letters"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("default/bug  held since "));
  EXPECT_THAT(listed.out, HasSubstr("workflow_bug: workflow broken threw: a bug"));
  EXPECT_THAT(listed.out, HasSubstr("default/out 1  failed since "));
  EXPECT_THAT(listed.out, HasSubstr("activity transfer, 2 attempts"));
  EXPECT_THAT(listed.out, HasSubstr("bank_closed: the bank is closed"));
  EXPECT_THAT(listed.out, HasSubstr("default/unsure 1  in doubt since "));
  EXPECT_THAT(listed.out, HasSubstr("the connection broke off"));
  EXPECT_THAT(listed.out, Not(HasSubstr("default/fine")));
  EXPECT_THAT(listed.out, Not(HasSubstr("default/itself")));
  EXPECT_THAT(listed.err, HasSubstr("verified: chain of "));
  auto const json = verb({"ls", "--dead-letters", "--workflow", "pay", "--json"});
  EXPECT_THAT(json.out, HasSubstr(R"("schema":"dalsegno.dead_letter")"));
  EXPECT_THAT(json.out, HasSubstr(R"("state":"failed","operation":1,"call":"activity transfer")"));
  EXPECT_THAT(json.out, Not(HasSubstr("default/bug")));
  EXPECT_EQ(verb({"ls", "--dead-letters", "--count-by", "workflow"}).code, 2);
  // What is said of the failed one helps.
  works_ = true;
  EXPECT_EQ(verb({"restart", "out", "--reason", "the bank is open"}).code, 0);
  EXPECT_EQ(result("out"), "paid 70");
  EXPECT_THAT(verb({"ls", "--dead-letters"}).out, Not(HasSubstr("default/out")));
}

}  // namespace
}  // namespace dalsegno::test
