// Several models behind one name, and what their calls may spend: over a real store and real
// servers, with what the log says afterwards.

#include "dalsegno/budget.h"
#include "dalsegno/dalsegno.h"
#include "dalsegno/model.h"
#include "dalsegno/routing.h"
#include "storage/log/chain.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::model {
namespace {

using namespace std::chrono_literals;
using test::ModelServer;
using testing::HasSubstr;

constexpr char const* permit_all = R"({"dalsegno_policy":1,"rules":[
  {"id":"calls","effect":"permit","actions":["model.call","tool.call"]}]})";

constexpr char const* hard_question =
    "Prove that the integral of sin(x)^2 over [0, pi] equals pi/2, step by step, then write a C++ "
    "function that computes it numerically to 12 digits, analyse its error bound and explain why "
    "Simpson's rule converges faster than the trapezoid rule for this integrand.";

class RoutedModel : public testing::Test {
 protected:
  RoutedModel() {
    routing_.rules.name = "desk";
    routing_.rules.candidates = {
        {.name = "small", .tier = 1, .input_usd = 1, .cached_usd = 0.1, .output_usd = 2},
        {.name = "large", .tier = 2, .input_usd = 10, .cached_usd = 1, .output_usd = 20}};
    routing_.rules.bands = {{.from = 0, .tier = 1}, {.from = 0.6, .tier = 2}};
    routing_.models["small"] = {.endpoints = {{.name = "cheap", .url = small_.url(), .model = "s"}},
                                .failures_to_pause = 1,
                                .pause = 60s};
    routing_.models["large"] = {.endpoints = {{.name = "dear", .url = large_.url(), .model = "l"}}};
  }

  void start() {
    auto store = Store::open(folder_.path() / "data");
    ASSERT_TRUE(store) << store.error().detail;
    Registry registry;
    for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
    if (budget_) {
      auto const spending = open_budget(*store, *budget_);
      ASSERT_TRUE(spending) << spending.error().detail;
      for (auto& [name, options] : routing_.models) {
        options.price = Price{.input_usd = 1'000, .cached_usd = {}, .output_usd = 1'000};
        options.max_tokens = 100;
        options.spending = *spending;
      }
    }
    auto const added = add_routed_model(registry, *store, routing_);
    ASSERT_TRUE(added) << added.error().detail;
    auto started = Runtime::start(std::move(*store), std::move(registry), {.policy = policy_});
    ASSERT_TRUE(started) << started.error().detail;
    runtime_ = std::move(*started);
  }

  [[nodiscard]] Result<std::string> turn(std::string const& name, std::string const& text) {
    if (!runtime_) start();
    SessionId const session{.name = name};
    agent::AgentState state;
    state.model = "desk";
    EXPECT_TRUE(runtime_->start_session(session, "agent", state));
    return runtime_->ask<std::string>(session, "turn", agent::Turn{.content = text}, text);
  }

  /// What the log has of the session's calls: the members "call" of their results.
  [[nodiscard]] std::vector<Json> calls(std::string const& name) {
    runtime_.reset();
    auto const store = Store::open(folder_.path() / "data");
    std::vector<Json> found;
    SessionId const session{.name = name};
    auto const head = store->log().head(session);
    auto const read = storage::read_verified(
        store->log(),
        session,
        (*head)->run,
        1,
        storage::Reading::show,
        [&](storage::DecodedStep const& step) {
          for (auto const& event : step.step.events)
            if (auto const* const completed = std::get_if<storage::ModelCompleted>(&event.body))
              found.push_back(*parse_json(completed->result.bytes)->find("call"));
          return true;
        });
    EXPECT_TRUE(read) << read.error().detail;
    return found;
  }

  test::TemporaryFolder folder_;
  ModelServer small_;
  ModelServer large_;
  Routing routing_;
  std::optional<Budget> budget_;
  std::string policy_ = permit_all;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(RoutedModel, takes_the_cheap_one_for_what_is_easy_and_says_why) {
  ASSERT_TRUE(turn("easy", "hello"));
  EXPECT_EQ(small_.requests().size(), 1U);
  EXPECT_EQ(large_.requests().size(), 0U);
  auto const found = calls("easy");
  ASSERT_EQ(found.size(), 1U);
  auto const& route = *found[0].find("route");
  EXPECT_EQ(route.text("model"), "small");
  EXPECT_EQ(route.text("binding"), "first");
  EXPECT_EQ(route.text("rules"), "desk");
  auto const& candidates = *route.find("candidates")->as_array();
  ASSERT_EQ(candidates.size(), 2U);
  EXPECT_EQ(candidates[1].text("rejected"), "costlier");
  EXPECT_EQ(*route.find("request")->find("turn")->as_integer(), 1);
}

TEST_F(RoutedModel, takes_the_strong_one_for_what_is_hard_and_stays_with_it_while_that_is_warm) {
  routing_.rules.bands[1].from = 0.3;
  // The small one saves less over the calls ahead than the prefix costs that it lacks.
  routing_.rules.candidates[0].input_usd = 9;
  routing_.rules.candidates[0].cached_usd = 9;
  routing_.rules.candidates[0].output_usd = 19;
  routing_.rules.calls_ahead = 0;
  ASSERT_TRUE(turn("hard", hard_question));
  ASSERT_EQ(large_.requests().size(), 1U);
  auto const first = calls("hard");
  EXPECT_GE(*first[0].find("route")->find("complexity")->as_double(), 0.3);
  // Another process knows from the log where the session is.
  ASSERT_TRUE(turn("hard", "thanks"));
  auto const found = calls("hard");
  ASSERT_EQ(found.size(), 2U);
  auto const& route = *found[1].find("route");
  EXPECT_EQ(route.find("request")->text("model"), "large");
  EXPECT_GT(*route.find("request")->find("warm_tokens")->as_integer(), 0);
  EXPECT_LT(*route.find("complexity")->as_double(), 0.3) << "the small one would do";
  EXPECT_EQ(route.text("model"), "large");
  EXPECT_EQ(route.text("binding"), "kept");
}

TEST_F(RoutedModel, leaves_a_model_for_one_that_saves_more_than_its_warm_prefix) {
  routing_.rules.bands[1].from = 0.3;
  ASSERT_TRUE(turn("hard", hard_question));
  ASSERT_TRUE(turn("hard", "thanks"));
  auto const found = calls("hard");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].find("route")->text("model"), "large");
  EXPECT_EQ(found[1].find("route")->text("model"), "small");
  EXPECT_EQ(found[1].find("route")->text("binding"), "moved");
}

TEST_F(RoutedModel, of_models_that_policy_denies_takes_none) {
  policy_ = R"({"dalsegno_policy":1,"rules":[
    {"id":"cheap","effect":"permit","actions":["model.call"],"resources":["desk","large"]}]})";
  ASSERT_TRUE(turn("denied", "hello"));
  EXPECT_EQ(small_.requests().size(), 0U);
  EXPECT_EQ(large_.requests().size(), 1U);
  auto const found = calls("denied");
  auto const& candidates = *found[0].find("route")->find("candidates")->as_array();
  EXPECT_EQ(candidates[0].text("rejected"), "not_permitted");
}

TEST_F(RoutedModel, without_a_model_that_is_left_fails_and_says_of_each_why) {
  policy_ = R"({"dalsegno_policy":1,"rules":[
    {"id":"route","effect":"permit","actions":["model.call"],"resources":["desk"]}]})";
  auto const answer = turn("nothing", "hello");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("no_route"));
  EXPECT_THAT(answer.error().detail, HasSubstr("small: not_permitted, large: not_permitted"));
}

TEST_F(RoutedModel, goes_on_with_another_when_its_servers_fail) {
  small_.kill();
  ASSERT_TRUE(turn("lost", "hello"));
  EXPECT_EQ(large_.requests().size(), 1U);
  auto const found = calls("lost");
  ASSERT_EQ(found.size(), 1U);
  auto const& route = *found[0].find("route");
  EXPECT_EQ(route.text("model"), "large");
  EXPECT_EQ(route.find("candidates")->as_array()->front().text("rejected"), "unhealthy");
  EXPECT_EQ(*route.find("request")->find("failures")->as_integer(), 1);
}

TEST_F(RoutedModel, needs_to_be_told_how_each_candidate_is_called) {
  routing_.models.erase("large");
  auto const store = Store::open(folder_.path() / "data");
  Registry registry;
  auto const added = add_routed_model(registry, *store, routing_);
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().detail, HasSubstr("nothing says how the model large is called"));
}

// ---- budgets ----

TEST_F(RoutedModel, beyond_a_hard_limit_makes_no_call_and_says_whose_budget_it_is) {
  // A call sets about 0.1 USD aside: 100 tokens of answer at 1,000 USD for a million.
  budget_ = Budget{.session = {.soft_usd = 0.001, .hard_usd = 0.25}};
  ASSERT_TRUE(turn("spender", "hello"));
  Result<std::string> answer = std::string();
  int turns = 1;
  while (answer && turns < 100) answer = turn("spender", "more " + std::to_string(++turns));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("budget_exhausted"));
  EXPECT_THAT(answer.error().detail, HasSubstr("the budget of session default/spender has 0."));
  auto const found = calls("spender");
  double spent = 0;
  std::size_t warnings = 0;
  for (auto const& call : found) {
    spent += *call.find("cost")->find("usd")->as_double();
    if (call.find("budget")->find("warnings") != nullptr) ++warnings;
  }
  EXPECT_GT(spent, 0);
  EXPECT_LE(spent, 0.25);
  EXPECT_EQ(warnings, 1U) << "the soft limit is said once";
  // Another session has its own.
  EXPECT_TRUE(turn("other", "hello"));
}

TEST_F(RoutedModel, knows_from_the_log_what_was_spent_before_it_was_started) {
  budget_ = Budget{.tenant = {.hard_usd = 0.25}};
  ASSERT_TRUE(turn("first", "hello"));
  auto const cost = *calls("first")[0].find("cost")->find("usd")->as_double();
  budget_ = Budget{.tenant = {.hard_usd = cost}};
  auto const answer = turn("second", "hello");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("(small: budget, large: budget)"));
}

TEST_F(RoutedModel, pays_for_an_attempt_that_failed_when_its_server_says_what_it_used) {
  budget_ = Budget{.tenant = {.hard_usd = 0.25}};
  Json refusal;
  refusal.set("error", "no");
  refusal.set("usage", Json().set("prompt_tokens", 200).set("completion_tokens", 0));
  Json order;
  order.set("fault", "status").set("status", "400 Bad Request").set("body", to_string(refusal));
  small_.script(to_string(Json(Json::Array{order})));
  EXPECT_THAT(turn("first", "hello").error().detail, HasSubstr("bad_request"));
  auto const beside = turn("second", "hello");
  ASSERT_FALSE(beside);
  EXPECT_THAT(beside.error().detail, HasSubstr("tenant default has 0.050000 USD left"));
  runtime_.reset();
  auto const later = turn("third", "hello");
  ASSERT_FALSE(later) << "the log knows what it cost";
  EXPECT_THAT(later.error().detail, HasSubstr("tenant default has 0.050000 USD left"));
  EXPECT_EQ(small_.requests().size(), 1U);
}

TEST_F(RoutedModel, keeps_a_hard_limit_under_calls_side_by_side) {
  // Room for two calls of at most 0.1 USD and some prompt; eight are asked for at once.
  budget_ = Budget{.tenant = {.hard_usd = 0.25}};
  small_.script(R"([{"gate":"all","content":"x"},{"gate":"all","content":"x"},
                    {"gate":"all","content":"x"},{"gate":"all","content":"x"}])");
  start();
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([this, i, &refused] {
      if (!turn("s" + std::to_string(i), "hello")) ++refused;
      if (refused == 6) small_.open_gate("all");
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, 6);
  EXPECT_EQ(small_.requests().size(), 2U);
}

TEST_F(RoutedModel, refuses_a_limit_that_is_none) {
  auto const store = Store::open(folder_.path() / "data");
  auto const opened = open_budget(*store, {.session = {.hard_usd = -1}});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().detail, HasSubstr("the budget of sessions"));
}

}  // namespace
}  // namespace dalsegno::model
