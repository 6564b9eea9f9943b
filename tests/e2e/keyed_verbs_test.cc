// What the command tells of keyed state: a store with an object, a lock and sessions that signal
// each other, written by a real runtime that redacts.

#include "dalsegno/dalsegno.h"
#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct Line {
  std::string article;
  int count = 1;
};
BOOST_DESCRIBE_STRUCT(Line, (), (article, count))

constexpr Activity<std::string, void> mail{"mail"};

Workflow<int> add(Object& cart, Line line) {
  auto const count = cart.store().get<int>(line.article).value_or(0) + line.count;
  cart.store().put(line.article, count);
  co_return count;
}

Workflow<std::string> note(Object& cart, std::string text) {
  cart.store().put("note", text);
  co_return text;
}

Workflow<int> buy(Context& ctx, Line line) {
  auto const lock = co_await acquire_lock(ctx, "till");
  auto const count = co_await call_object<int>(ctx, "cart", "cart-17", "add", line);
  co_await release_lock(ctx, *lock);
  co_return count;
}

Workflow<std::string> confirm(Context& ctx, std::string) {
  auto clicked = ctx.promise<std::string>();
  co_await ctx.call(mail, clicked.token());
  co_return co_await std::move(clicked);
}

constexpr char const* policy = R"({"dalsegno_policy": 1, "name": "all", "rules": [
  {"id": "calls", "effect": "permit", "actions": ["*.call"]},
  {"id": "messages", "effect": "permit", "actions": ["session.signal"],
   "resources": ["lock/*", "cart-*", "buyer-*"]}]})";

class KeyedVerbs : public testing::Test {
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
    registry.add(define_object("cart").on("add", add).on("note", note).workflow())
        .add(define_workflow("buy", buy))
        .add(define_workflow("confirm", confirm))
        .add(mail, [this](ActivityContext const&, std::string link) {
          std::lock_guard const lock(mutex_);
          mailed_ = std::move(link);
        });
    add_locks(registry);
    RuntimeOptions options;
    options.policy = policy;
    auto started = Runtime::start(std::move(*store), std::move(registry), std::move(options));
    EXPECT_TRUE(started) << started.error().detail;
    return std::move(*started);
  }
  [[nodiscard]] std::string mailed() {
    std::lock_guard const lock(mutex_);
    return mailed_;
  }

  TemporaryFolder folder_;
  std::mutex mutex_;
  std::string mailed_;
};

TEST_F(KeyedVerbs, show_what_a_store_held_when_and_verify_all_that_sessions_told_each_other) {
  constexpr char const* secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
  {
    auto const shop = runtime();
    for (auto const* const name : {"buyer-1", "buyer-2", "buyer-3"})
      ASSERT_TRUE(shop->start_session({.name = name}, "buy", Line{"shoes", 2}));
    for (auto const* const name : {"buyer-1", "buyer-2", "buyer-3"}) {
      auto const count = shop->result<int>({.name = name});
      ASSERT_TRUE(count) << count.error().detail;
    }
    ASSERT_TRUE(call_object<std::string>(
        *shop, {.name = "cart-17"}, "cart", "note", "my key is " + std::string(secret)));
  }
  auto const stored = verb({"show", "cart-17", "--store"});
  EXPECT_EQ(stored.code, 0) << stored.err;
  EXPECT_THAT(stored.out, HasSubstr("shoes = 6  @"));
  EXPECT_THAT(stored.out, HasSubstr("[secret:github_pat:"));
  EXPECT_THAT(stored.out, Not(HasSubstr(secret)));
  EXPECT_THAT(stored.err, HasSubstr("verified"));

  auto const json = verb({"show", "cart-17", "--store", "--json"});
  EXPECT_THAT(json.out, HasSubstr(R"("key":"shoes")"));
  EXPECT_THAT(json.out, HasSubstr(R"("schema":"dalsegno.stored")"));
  auto const log = verb({"log", "cart-17"});
  EXPECT_THAT(log.out, HasSubstr("StoreChanged"));
  auto const earlier = verb({"show", "cart-17", "--store", "--at", "1"});
  EXPECT_EQ(earlier.code, 0);
  EXPECT_EQ(earlier.out, "");

  auto const told = verb({"show", "buyer-1"});
  EXPECT_THAT(told.out, HasSubstr("lock/till"));
  EXPECT_THAT(told.out, HasSubstr("by lock/till"));
  auto const locks = verb({"ls", "--filter", R"(workflow = "lock")"});
  EXPECT_THAT(locks.out, HasSubstr("lock/till"));

  auto const verified = verb({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
}

TEST_F(KeyedVerbs, a_promises_token_is_not_taken_for_a_secret_and_works_after_a_restart) {
  SessionId const session{.name = "buyer-9"};
  {
    auto const shop = runtime();
    ASSERT_TRUE(shop->start_session(session, "confirm", std::string()));
  }  // what its activity did is in the store
  while (mailed().empty()) static_cast<void>(runtime());
  EXPECT_THAT(mailed(), HasSubstr("dalsegno-promise-"));
  {
    auto const shop = runtime();
    auto const kept = shop->resolve_promise(mailed(), std::string("clicked"));
    ASSERT_TRUE(kept) << kept.error().detail;
    EXPECT_EQ(shop->result<std::string>(session).value_or("none"), "clicked");
  }
  EXPECT_EQ(verb({"verify"}).code, 0);
  EXPECT_THAT(verb({"show", "buyer-9"}).out, HasSubstr("kept"));
}

}  // namespace
}  // namespace dalsegno::test
