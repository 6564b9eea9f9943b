#include "tools/dalsegno/forensics/baseline.h"

#include "storage/memory/memory_log.h"
#include "tests/tools/dalsegno/model_script.h"
#include "tools/dalsegno/baseline_page.h"
#include "tools/dalsegno/forensics/baseline_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::forensics {
namespace {

using namespace std::chrono_literals;
using test::message;
using test::ModelScript;
using test::SessionScript;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class BaselineTest : public testing::Test {
 protected:
  void expect(Result<> const& outcome) { ASSERT_TRUE(outcome) << outcome.error().detail; }

  Baseline read() {
    std::vector<CountedSession> sessions;
    auto const scanned = log_->scan_heads([&](SessionId const& id, storage::Head const& head) {
      sessions.push_back({id, head});
      return true;
    });
    EXPECT_TRUE(scanned);
    auto baseline = read_baseline(*log_, sessions);
    EXPECT_TRUE(baseline) << baseline.error().detail;
    return baseline.value_or(Baseline());
  }

  /// A session that asks a model, which fails once, and ends after 4 s.
  void talk(std::string const& name, std::string const& workflow) {
    SessionScript session(*log_, name, workflow);
    ModelScript model(session);
    auto const input = to_json(model.request({message("user", "a")}));
    expect(session.step({session.started(), model.request_of(1, input), model.start(1, input)}));
    expect(session.step({ModelScript::fail(1, "e: status 503")}));
    expect(session.step({model.start(1, input, 2)}));
    auto const answer = model.answer(
        1,
        "b",
        R"({"endpoint":"e","elapsed_us":5000,"usage":{"input":10,"cached":4,"output":2},)"
        R"("cost":{"usd":0.5}})",
        2);
    expect(session.step({answer}));
    expect(session.step({{0, storage::SessionCompleted{SessionScript::payload("1"), 0}}}));
  }

  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(storage::make_memory_store(1));
};

TEST_F(BaselineTest, tells_each_workflow_apart) {
  talk("a", "desk");
  talk("bb", "night");
  talk("ccc", "night");
  auto const baseline = read();
  ASSERT_EQ(baseline.workflows.size(), 2U);
  EXPECT_EQ(baseline.sessions, 3U);
  auto const& night = baseline.workflows.at("night");
  EXPECT_THAT(night.sessions, ElementsAre(Pair("completed", 2)));
  EXPECT_THAT(night.durations, ElementsAre(4s, 4s));
  EXPECT_THAT(night.failures, ElementsAre(Pair("overloaded", 2)));
  EXPECT_EQ(night.models.calls, 2U);
  EXPECT_EQ(night.models.cost.usd(), 1.0);
  auto const models = together(night, "model");
  EXPECT_EQ(models.requested, 2U);
  EXPECT_EQ(models.attempts, 4U);
  EXPECT_EQ(models.retries, 2U);
  EXPECT_EQ(models.failed_attempts, 2U);
  EXPECT_TRUE(baseline.broken.empty());
}

TEST_F(BaselineTest, says_in_json_what_was_measured_and_nothing_of_what_was_not) {
  talk("a", "desk");
  auto const json = as_json(read());
  auto const* const models = json.find("workflows")->find("desk")->find("models");
  EXPECT_EQ(*models->find("latency")->find("p99_us"), Json(5'000));
  EXPECT_EQ(*models->find("first_token")->find("measured"), Json(0));
  EXPECT_EQ(models->find("first_token")->find("p50_us"), nullptr);
  EXPECT_EQ(*models->find("attempt_error_share"), Json(0.5));
  EXPECT_EQ(*models->find("cached_share"), Json(0.4));
  EXPECT_EQ(*models->find("per_answer")->find("usd"), Json(0.5));
  EXPECT_EQ(*json.find("verified"), Json(true));
  EXPECT_EQ(as_json(Baseline()).find("first"), nullptr);
}

TEST_F(BaselineTest, is_a_page_on_which_what_the_log_says_is_text_and_nothing_else) {
  talk("a", "<script>alert(1)</script>\x01\xff & \"'");
  auto const page = command::baseline_page(read(), "Verified & <well>");
  EXPECT_THAT(
      page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;\\x01\xEF\xBF\xBD &amp; &quot;&#39;"));
  EXPECT_THAT(page, HasSubstr("Verified &amp; &lt;well&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("http://"))) << "it needs nothing else";
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(command::baseline_page(Baseline(), "x"), HasSubstr("0 sessions.")) << "of nothing";
}

// ---- comparison ----

Json spread(int p50) {
  return Json().set("measured", 9).set("p50_us", p50).set("p95_us", p50).set("p99_us", p50);
}

Json baseline_of(int latency, double errors, double cached, std::string const& tool = "add") {
  Json models;
  models.set("latency", spread(latency)).set("error_share", errors).set("cached_share", cached);
  Json call;
  call.set("kind", "tool").set("name", tool).set("duration", spread(10));
  Json workflow;
  workflow.set("models", std::move(models)).set("calls", Json::Array{std::move(call)});
  Json out;
  out.set("schema", "dalsegno.baseline").set("v", 1);
  return out.set("workflows", Json().set("desk", std::move(workflow)));
}

std::vector<std::string> moved(Json const& before, Json const& now) {
  auto const found = compare_baselines(to_string(before), now, {});
  EXPECT_TRUE(found) << found.error().detail;
  std::vector<std::string> said;
  for (auto const& one : *found)
    said.push_back(one.workflow + " " + one.figure + " " + std::string(name_of(one.direction)));
  return said;
}

TEST(BaselineComparison, tells_what_moved_beyond_the_thresholds_and_which_way) {
  auto const before = baseline_of(1'000, 0.01, 0.8);
  EXPECT_TRUE(moved(before, before).empty());
  EXPECT_TRUE(moved(before, baseline_of(1'200, 0.06, 0.76)).empty()) << "20 % and 5 points";
  EXPECT_THAT(moved(before, baseline_of(1'201, 0.07, 0.7)),
              ElementsAre("desk models cached_share worse",
                          "desk models error_share worse",
                          "desk models latency p50_us worse",
                          "desk models latency p95_us worse",
                          "desk models latency p99_us worse"));
  EXPECT_THAT(moved(before, baseline_of(1'000, 0.01, 0.9)),
              ElementsAre("desk models cached_share better"));
}

TEST(BaselineComparison, tells_what_is_there_only_once) {
  auto const before = baseline_of(1'000, 0, 0);
  EXPECT_THAT(moved(before, baseline_of(1'000, 0, 0, "sub")),
              ElementsAre("desk tool add changed", "desk tool sub changed"));
  Json none;
  none.set("schema", "dalsegno.baseline").set("v", 1).set("workflows", Json(Json::Object{}));
  EXPECT_THAT(moved(before, none), ElementsAre("desk workflow changed"));
  EXPECT_THAT(moved(none, before), ElementsAre("desk workflow changed"));
}

TEST(BaselineComparison, of_something_else_is_refused_and_of_nonsense_finds_nothing) {
  for (auto const* const text : {"",
                                 "{",
                                 "[]",
                                 "7",
                                 "{}",
                                 R"({"schema":"dalsegno.stats","v":1})",
                                 R"({"schema":"dalsegno.baseline"})",
                                 R"({"schema":"dalsegno.baseline","v":2})"})
    EXPECT_FALSE(compare_baselines(text, Json(), {})) << text;
  for (auto const* const workflows : {"7",
                                      "[]",
                                      R"({"a":7})",
                                      R"({"a":{"models":{"latency":[],"error_share":-1}}})",
                                      R"({"a":{"calls":[7,{"duration":{"p50_us":"x"}}]}})"}) {
    auto const text =
        R"({"schema":"dalsegno.baseline","v":1,"workflows":)" + std::string(workflows) + "}";
    EXPECT_TRUE(compare_baselines(text, *parse_json(text), {})->empty()) << text;
  }
}

}  // namespace
}  // namespace dalsegno::forensics
