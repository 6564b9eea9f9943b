// `dalsegno ls --in-doubt` and `dalsegno resolve` as a person uses them on a store whose runtime
// has ended.

#include "dalsegno/dalsegno.h"
#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Activity<int, std::string> transfer{"transfer", {.effect = EffectClass::at_most_once}};

Workflow<std::string> pay(Context& ctx, int amount) {
  try {
    co_return co_await ctx.call(transfer, amount);
  } catch (ActivityFailed const& failed) {
    co_return failed.type() + ": " + failed.what();
  }
}

constexpr char const* permit_all = R"({"dalsegno_policy": 1, "name": "all", "rules": [
  {"id": "all", "effect": "permit", "actions": ["*.call"]}]})";

class ResolveVerb : public testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string const& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] Ran verb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", path("store")});
    return dalsegno(arguments);
  }

  /// A runtime over the store; the connection to the bank breaks off in the first `broken` calls.
  [[nodiscard]] std::unique_ptr<Runtime> runtime(int broken) {
    auto store = Store::open(path("store"));
    EXPECT_TRUE(store) << store.error().detail;
    Registry registry;
    registry.add(define_workflow("pay", pay));
    registry.add(transfer, [this, broken](ActivityContext const&, int amount) -> std::string {
      if (++calls_ > broken) return "paid " + std::to_string(amount);
      throw std::runtime_error("the connection broke off");
    });
    RuntimeOptions options;
    options.policy = permit_all;
    auto started = Runtime::start(std::move(*store), std::move(registry), std::move(options));
    EXPECT_TRUE(started) << started.error().detail;
    return std::move(*started);
  }
  /// Two payments, of which nobody knows.
  void SetUp() override {
    auto const bank = runtime(2);
    ASSERT_TRUE(bank->start_session({.name = "one"}, "pay", 70));
    ASSERT_TRUE(bank->start_session({.name = "two"}, "pay", 80));
    // When a runtime has stopped, what its activities said is in the store.
    while (calls_ < 2) calls_.wait(calls_.load());
    bank->stop();
  }
  [[nodiscard]] std::string result(std::string const& session) {
    auto const bank = runtime(0);
    return bank->result<std::string>({.name = session}).value_or("no result");
  }

  TemporaryFolder folder_;
  class Calls {
   public:
    int operator++() {
      auto const now = ++count_;
      count_.notify_all();
      return now;
    }
    void wait(int old) const { count_.wait(old); }
    [[nodiscard]] int load() const { return count_.load(); }
    friend bool operator<(Calls const& calls, int bound) { return calls.load() < bound; }

   private:
    std::atomic<int> count_ = 0;
  } calls_;
};

TEST_F(ResolveVerb, lists_every_call_in_doubt_of_a_store_whose_runtime_has_ended) {
  auto const listed = verb({"ls", "--in-doubt"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("default/one 1  activity.call transfer, attempt 1"));
  EXPECT_THAT(listed.out, HasSubstr("default/two 1"));
  EXPECT_THAT(listed.out, HasSubstr("the connection broke off"));
  EXPECT_THAT(listed.err, HasSubstr("verified: chain of "));
  auto const json = verb({"ls", "--in-doubt", "--json"});
  std::istringstream lines(json.out);
  std::string line;
  while (std::getline(lines, line) && !line.contains(R"("session":"one")")) {
  }
  auto const first = parse_json(line);
  ASSERT_TRUE(first) << json.out;
  EXPECT_EQ(*first->find("schema"), Json("dalsegno.in_doubt"));
  EXPECT_EQ(*first->find("arguments"), Json(70));
  EXPECT_EQ(*first->find("under_way"), Json(false));
  EXPECT_THAT(*first->find("idempotency_key")->as_string(), HasSubstr("default/one/"));
}

TEST_F(ResolveVerb, a_person_says_that_it_happened_or_failed) {
  auto const said = verb({"resolve",
                          "one",
                          "1",
                          "--completed",
                          R"("receipt 81")",
                          "--as",
                          "ann",
                          "--reason",
                          "the bank has it"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("operation 1 of default/one counts as completed"));
  auto const failed =
      verb({"resolve", "two", "1", "--failed", "the bank knows nothing", "--as", "bob"});
  EXPECT_EQ(failed.code, 0) << failed.err;
  EXPECT_THAT(verb({"ls", "--in-doubt"}).err, HasSubstr("nothing is in doubt"));
  EXPECT_EQ(result("one"), "receipt 81");
  EXPECT_EQ(result("two"), "resolved_as_failed: bob: the bank knows nothing");
  EXPECT_EQ(calls_.load(), 2) << "nothing was sent again";
  auto const verified = verb({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  EXPECT_THAT(verb({"show", "one"}).out, HasSubstr("IN DOUBT"));
  EXPECT_THAT(verb({"show", "one"}).out, HasSubstr("is held to have happened by ann"));
  EXPECT_THAT(verb({"log", "--json", "_store/operator"}).out, HasSubstr("operator.resolve"));
}

TEST_F(ResolveVerb, a_person_has_it_made_again) {
  auto const said =
      verb({"resolve", "one", "1", "--retry", "--as", "ann", "--reason", "it may", "--json"});
  EXPECT_EQ(said.code, 0) << said.err;
  auto const line = parse_json(said.out);
  ASSERT_TRUE(line) << said.out;
  EXPECT_EQ(*line->find("resolution"), Json("retry"));
  EXPECT_EQ(*line->find("by"), Json("ann"));
  EXPECT_EQ(result("one"), "paid 70");
  EXPECT_EQ(verb({"verify"}).code, 0) << verb({"verify"}).out;
}

TEST_F(ResolveVerb, refuses_what_is_wrong_and_changes_nothing) {
  auto const wrong = [&](std::vector<std::string> arguments, std::string const& why) {
    arguments.insert(arguments.begin(), "resolve");
    auto const said = verb(arguments);
    EXPECT_EQ(said.code, 2) << said.out << said.err;
    EXPECT_THAT(said.err, HasSubstr(why));
  };
  wrong({"one", "1", "--as", "ann", "--reason", "so"}, "--completed JSON, --failed REASON");
  wrong({"one", "1", "--retry", "--failed", "no", "--as", "ann"}, "--completed JSON");
  wrong({"one", "1", "--retry", "--as", "ann"}, "--reason");
  wrong({"one", "1", "--completed", "{", "--as", "ann", "--reason", "so"}, "is not JSON");
  wrong({"one", "7", "--retry", "--as", "ann", "--reason", "so"}, "is not in doubt");
  wrong({"nobody", "1", "--retry", "--as", "ann", "--reason", "so"}, "nobody");
  wrong({"one", "one", "--retry", "--as", "ann", "--reason", "so"}, "OPERATION");
  wrong({"one",
         "1",
         "--completed",
         '"' + std::string(70'000, 'x') + '"',
         "--as",
         "ann",
         "--reason",
         "so"},
        "at most 65536");
  EXPECT_EQ(verb({"resolve", "one", "1", "--retry", "--as", "ann", "--reason", "so"}).code, 0);
  wrong({"one", "1", "--retry", "--as", "bob", "--reason", "so"}, "has been resolved by ann");
}

TEST_F(ResolveVerb, says_of_a_call_whose_runtime_was_killed_that_a_runtime_has_to_find_it_first) {
  // The same store as a kill in the middle of the call leaves it: its attempt is open.
  auto const folder = path("killed");
  std::promise<void> began;
  std::promise<void> may_end;
  {
    auto store = Store::open(folder);
    ASSERT_TRUE(store);
    Registry registry;
    registry.add(define_workflow("pay", pay));
    registry.add(transfer, [&](ActivityContext const&, int) {
      began.set_value();
      may_end.get_future().wait();
      return std::string("paid");
    });
    auto bank = Runtime::start(std::move(*store), std::move(registry), {.policy = permit_all});
    ASSERT_TRUE(bank);
    ASSERT_TRUE((*bank)->start_session({.name = "one"}, "pay", 70));
    began.get_future().wait();
    std::filesystem::copy(folder, path("copy"), std::filesystem::copy_options::recursive);
    may_end.set_value();
  }
  auto const listed = dalsegno({"ls", "--in-doubt", "--data", path("copy")});
  EXPECT_THAT(listed.out, HasSubstr("under way since"));
  auto const said = dalsegno(
      {"resolve", "one", "1", "--retry", "--as", "ann", "--reason", "so", "--data", path("copy")});
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.err, HasSubstr("let a runtime open the store"));
}

}  // namespace
}  // namespace dalsegno::test
