// What the log tells of model calls afterwards: `stats --by`, `slo` and `show --prompt` on a store
// in which an agent has talked to real servers.

#include "dalsegno/dalsegno.h"
#include "dalsegno/model.h"
#include "tests/e2e/command.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr char const* permit_all = R"({"dalsegno_policy":1,"rules":[
  {"id":"calls","effect":"permit","actions":["model.call","tool.call"]}]})";

constexpr char const* config = R"(
[endpoints.first]
url = "http://127.0.0.1:1/v1"
model = "gpt-4o"
[models.small]
endpoints = ["first"]
[agents.desk]
model = "small"
[agents.night]
model = "small"
[slos.desk]
agent = "desk"
first_token_seconds = 60
answer_seconds = 60
)";

class ModelForensics : public testing::Test {
 protected:
  ModelForensics() {
    options_.endpoints.push_back(
        {.name = "first", .url = first_.url(), .model = "gpt-4o", .provider = "openai"});
    options_.failures_to_pause = 1;
    options_.name = "small";
  }

  void start() {
    auto store = Store::open(data());
    ASSERT_TRUE(store) << store.error().detail;
    Registry registry;
    for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
    auto const added = model::add_model(registry, *store, options_);
    ASSERT_TRUE(added) << added.error().detail;
    registry.add_tool("add", [](ActivityContext const&, std::string_view) {
      return ActivityReply{.payload = to_json(agent::ToolReply{.content = "five"})};
    });
    auto started = Runtime::start(std::move(*store), std::move(registry), {.policy = permit_all});
    ASSERT_TRUE(started) << started.error().detail;
    runtime_ = std::move(*started);
  }
  void turn(std::string const& name, std::string const& text) {
    if (!runtime_) start();
    SessionId const session{.name = name};
    agent::AgentState state;
    state.model = "small";
    state.system = "be brief";
    ASSERT_TRUE(runtime_->start_session(session, "agent", state));
    auto const answer =
        runtime_->ask<std::string>(session, "turn", agent::Turn{.content = text}, text);
    ASSERT_TRUE(answer) << answer.error().detail;
  }

  [[nodiscard]] std::filesystem::path data() const { return folder_.path() / "data"; }
  Ran command(std::vector<std::string> arguments) {
    runtime_.reset();
    arguments.insert(arguments.end(), {"--data", data().string()});
    return dalsegno(arguments);
  }
  std::string write_config(std::string const& text) {
    auto const file = folder_.path() / "dalsegno.toml";
    write_file(file, text);
    return file.string();
  }
  static std::vector<Json> lines_of(Ran const& ran) {
    std::vector<Json> lines;
    std::istringstream in(ran.out);
    for (std::string line; std::getline(in, line);) {
      auto json = parse_json(line);
      EXPECT_TRUE(json) << line;
      if (json) lines.push_back(std::move(*json));
    }
    return lines;
  }

  TemporaryFolder folder_;
  ModelServer first_;
  ModelServer second_;
  model::Options options_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(ModelForensics, a_prompt_of_the_past_has_the_messages_that_the_server_was_sent) {
  turn("talk", "hello there");
  turn("talk", "call add {\"a\":2,\"b\":3}");
  auto const requests = first_.requests();
  ASSERT_EQ(requests.size(), 3U);
  std::vector<std::string> asked_at;
  for (auto const& line : lines_of(command({"log", "talk", "--json"}))) {
    auto const& event = *line.find("event");
    if (event.text("type") == "ModelCompleted")
      asked_at.push_back(std::to_string(*event.find("sequence")->as_integer()));
  }
  ASSERT_EQ(asked_at.size(), 3U);
  std::string before;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto const ran = command({"show", "talk", "--prompt", asked_at[i]});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("as the request's digest"));
    auto const rebuilt = parse_json(ran.out);
    ASSERT_TRUE(rebuilt) << ran.out;
    EXPECT_EQ(canonical(*rebuilt), ran.out) << "and not a byte more";
    auto const sent = parse_json(requests[i].body);
    auto const& messages = *sent->find("messages")->as_array();
    ASSERT_EQ(rebuilt->as_array()->size(), messages.size());
    for (std::size_t at = 0; at < messages.size(); ++at) {
      EXPECT_EQ((*rebuilt->as_array())[at].text("role"), messages[at].text("role"));
      EXPECT_EQ((*rebuilt->as_array())[at].text("content"), messages[at].text("content"));
    }
    if (!before.empty()) {
      EXPECT_TRUE(ran.out.starts_with(before.substr(0, before.size() - 1)))
          << "prompts grow at their end";
    }
    before = ran.out;
  }
  auto const enveloped = lines_of(command({"show", "talk", "--prompt", asked_at[2], "--json"}));
  ASSERT_EQ(enveloped.size(), 1U);
  EXPECT_EQ(enveloped[0].text("schema"), "dalsegno.prompt");
  EXPECT_EQ(enveloped[0].text("model"), "small");
  EXPECT_EQ(canonical(*enveloped[0].find("messages")), before);
}

TEST_F(ModelForensics, of_what_is_no_model_call_there_is_no_prompt) {
  turn("talk", "hello");
  auto const ran = command({"show", "talk", "--prompt", "1"});
  EXPECT_EQ(ran.code, 2) << ran.err;
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("models were called at"));
  EXPECT_EQ(command({"show", "talk", "--prompt", "1", "--at", "2"}).code, 2);
  EXPECT_EQ(command({"show", "talk", "--prompt", "one"}).code, 2);
}

TEST_F(ModelForensics, figures_come_in_the_groups_that_are_asked_for) {
  std::string const text(2'000, 'a');
  turn("one", text);
  turn("one", "and now?");
  turn("two", text);
  auto const lines =
      lines_of(command({"stats", "--by", "tenant,workflow,family,endpoint", "--json"}));
  ASSERT_EQ(lines.size(), 1U) << "one system message, one endpoint";
  auto const& group = lines[0];
  EXPECT_EQ(group.text("schema"), "dalsegno.stats_by");
  EXPECT_EQ(group.find("group")->text("workflow"), "agent");
  EXPECT_EQ(group.find("group")->text("family").size(), 8U);
  EXPECT_EQ(group.find("group")->text("endpoint"), "first");
  EXPECT_EQ(*group.find("sessions"), Json(2));
  EXPECT_EQ(*group.find("calls"), Json(3));
  EXPECT_EQ(*group.find("without_usage"), Json(0));
  EXPECT_EQ(*group.find("without_cost"), Json(0));
  EXPECT_GT(group.find("cached_share")->as_double().value_or(0), 0.3);
  EXPECT_GT(*group.find("cost")->find("micro_usd")->as_integer(), 0);
  EXPECT_EQ(*group.find("first_token")->find("measured"), Json(3));
  EXPECT_GT(*group.find("prediction")->find("calls")->as_integer(), 0);
  EXPECT_GT(*group.find("prediction")->find("reported_blocks")->as_integer(), 0);
  EXPECT_EQ(*group.find("switches"), Json(0));

  auto const table = command({"stats", "--by", "model,session"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("small\tone\t1\t2\t"));
  EXPECT_THAT(table.err, HasSubstr("verified: chain of"));
  auto const refused = command({"stats", "--by", "colour"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("there is tenant, workflow"));
}

TEST_F(ModelForensics, a_lost_endpoint_is_told_with_the_time_until_another_one_answered) {
  options_.endpoints.push_back({.name = "second", .url = second_.url(), .model = "gpt-4o"});
  turn("talk", std::string(2'000, 'a'));  // so long that the session stays where its cache is
  bool const lost_first = second_.requests().empty();
  (lost_first ? first_ : second_).kill();
  turn("talk", "are you there?");
  auto const lines = lines_of(command({"stats", "--by", "endpoint", "--json"}));
  ASSERT_EQ(lines.size(), 2U);
  ASSERT_NE(lines[0].find("recovery")->find("worst_us") == nullptr,
            lines[1].find("recovery")->find("worst_us") == nullptr);
  auto const& lost = lines[lost_first ? 0 : 1];
  auto const& other = lines[lost_first ? 1 : 0];
  EXPECT_EQ(lost.find("group")->text("endpoint"), lost_first ? "first" : "second");
  auto const& recovery = *lost.find("recovery");
  EXPECT_EQ(*recovery.find("losses"), Json(1)) << to_string(lost);
  EXPECT_EQ(*recovery.find("moved"), Json(1)) << to_string(lost);
  EXPECT_GT(*recovery.find("worst_us")->as_integer(), 100'000) << "the engine's first delay";
  EXPECT_EQ(*other.find("switches"), Json(1)) << to_string(other);
}

TEST_F(ModelForensics, a_baseline_is_a_report_that_a_later_one_is_compared_with) {
  std::string const busy =
      R"([{"fault":"status","status":"503 Busy","headers":"Retry-After-Ms: 5\r\n"}])";
  first_.script(busy);
  turn("talk", "call add {\"a\":2,\"b\":3}");
  auto const page = folder_.path() / "baseline.html";
  auto const made = command({"stats", "--baseline", "--json", "--html", page.string()});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("verified: chain of "));
  auto const lines = lines_of(made);
  ASSERT_EQ(lines.size(), 1U) << made.out;
  EXPECT_EQ(lines[0].text("schema"), "dalsegno.baseline");
  auto const* const agent = lines[0].find("workflows")->find("agent");
  ASSERT_NE(agent, nullptr) << made.out;
  auto const* const models = agent->find("models");
  EXPECT_EQ(*models->find("requested"), Json(2));
  EXPECT_EQ(*models->find("retries"), Json(1));
  EXPECT_EQ(*models->find("failures")->find("overloaded"), Json(1));
  EXPECT_EQ(*models->find("latency")->find("measured"), Json(2));
  EXPECT_EQ(agent->find("calls")->as_array()->at(0).text("name"), "add");
  std::ifstream in(page);
  std::string const html(std::istreambuf_iterator<char>(in), {});
  EXPECT_THAT(html, HasSubstr("<h2>agent</h2>"));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, HasSubstr("Verified: chains of "));
  EXPECT_THAT(html, testing::Not(HasSubstr("<script")));

  auto const earlier = (folder_.path() / "baseline.json").string();
  write_file(earlier, made.out);
  auto const same = command({"stats", "--baseline", "--against", earlier});
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  EXPECT_THAT(same.out, HasSubstr("nothing has moved"));
  turn("talk", "and no tool");
  first_.script(busy);
  turn("talk", "once more, " + std::string(20'000, 'x'));
  auto const later = command({"stats", "--baseline", "--against", earlier, "--json"});
  EXPECT_EQ(later.code, 1) << later.out << later.err;
  bool has_input = false;
  for (auto const& line : lines_of(later))
    if (line.text("figure") == "models per_answer input") {
      has_input = true;
      EXPECT_EQ(line.text("direction"), "worse");
      EXPECT_EQ(line.text("schema"), "dalsegno.baseline_moved");
    }
  EXPECT_TRUE(has_input) << later.out;
  EXPECT_EQ(command({"stats", "--baseline", "--against", page.string()}).code, 2);
  EXPECT_EQ(command({"stats", "--html", page.string()}).code, 2) << "it is of --baseline";
}

TEST_F(ModelForensics, says_whether_a_promise_was_kept_and_who_waited_longest) {
  turn("talk", "hello");
  auto const file = write_config(config);
  auto const kept = command({"slo", "--config", file});
  EXPECT_EQ(kept.code, 0) << kept.out << kept.err;
  EXPECT_THAT(kept.out, HasSubstr("desk\tdesk\tfirst_token\t60.000\t99.00%\t100.00%\t1\t0\t"));
  EXPECT_THAT(kept.err, HasSubstr("desk, night are measured together"));

  auto impossible = std::string(config) + "[slos.night]\nagent = \"night\"\nanswer_seconds = ";
  auto const broken =
      command({"slo", "--config", write_config(impossible + "0.000001\n"), "--agent", "night"});
  EXPECT_EQ(broken.code, 1) << broken.out << broken.err;
  EXPECT_THAT(broken.out, HasSubstr("late: night answer: default/talk, turn at "));
  auto const lines = lines_of(command({"slo", "--config", file, "--json"}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2].text("schema"), "dalsegno.slo");
  EXPECT_EQ(*lines[2].find("is_kept"), Json(false));
  EXPECT_EQ(lines[2].find("worst")->as_array()->size(), 1U);
  auto const* const burn = lines[2].find("burn");
  EXPECT_EQ(*burn->find("is_burning"), Json(true));
  EXPECT_EQ(*burn->find("short")->find("broken"), Json(1));
  EXPECT_NEAR(*burn->find("long")->find("rate")->as_double(), 100, 1e-6);
  EXPECT_EQ(*lines[0].find("burn")->find("short")->find("judged"), Json(1));
  EXPECT_EQ(*lines[0].find("burn")->find("is_burning"), Json(false));

  auto const later = command({"slo", "--config", file, "--since", "2100-01-01"});
  EXPECT_EQ(later.code, 0) << "no turn has arrived since";
  EXPECT_THAT(later.out, HasSubstr("nothing measured"));
}

TEST_F(ModelForensics, a_promise_that_is_kept_over_all_ends_with_1_while_it_burns) {
  turn("talk", "hello");
  turn("talk", "again");
  auto const promise = std::string(config) +
                       "[slos.night]\nagent = \"night\"\nerror_share = 0.5\nanswer_seconds = "
                       "0.000001\nshare = 0\n";
  auto const calm = command({"slo", "--config", write_config(promise), "--agent", "night"});
  EXPECT_EQ(calm.code, 0) << calm.out << calm.err;
  EXPECT_THAT(calm.out, HasSubstr("night\tnight\terror\t-\t50.00%\t100.00%\t2\t0\t"));
  EXPECT_THAT(calm.out, HasSubstr("\t1.00\t1.00\t14.40\t0.00%\tkept\n"));
  auto const burning = command({"slo",
                                "--config",
                                write_config(promise + "windows = { factor = 0.9 }\n"),
                                "--agent",
                                "night"});
  EXPECT_EQ(burning.code, 1) << burning.out << burning.err;
  EXPECT_THAT(burning.out, HasSubstr("\t1.00\t1.00\t0.90\t0.00%\tkept, burning\n"));
}

TEST_F(ModelForensics, says_how_long_a_session_was_without_an_endpoint) {
  first_.script(R"([{"fault":"status","status":"503 Busy","headers":"Retry-After-Ms: 5\r\n"}])");
  turn("talk", "hello");
  auto const promise = std::string(config) + "[slos.night]\nagent = \"night\"\nrecovery_seconds = ";
  auto const kept = command({"slo", "--config", write_config(promise + "60\n"), "--json"});
  EXPECT_EQ(kept.code, 0) << kept.out << kept.err;
  auto const line = lines_of(kept).at(2);
  EXPECT_EQ(line.text("measure"), "recovery");
  EXPECT_EQ(*line.find("kept"), Json(1));
  auto const broken = command({"slo", "--config", write_config(promise + "0.000001\n")});
  EXPECT_EQ(broken.code, 1) << broken.out << broken.err;
  EXPECT_THAT(broken.out, HasSubstr("late: night recovery: default/talk, endpoint lost at "));
}

TEST_F(ModelForensics, says_what_is_wrong_with_a_question_about_promises) {
  turn("talk", "hello");
  auto const file = write_config(config);
  auto const unknown = command({"slo", "--config", file, "--agent", "dask"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean desk?"));
  EXPECT_EQ(command({"slo", "--config", file, "--agent", "night"}).code, 2) << "nothing promised";
  EXPECT_EQ(command({"slo", "--config", file, "--since", "17"}).code, 2);
  EXPECT_EQ(command({"slo", "--config", (folder_.path() / "none.toml").string()}).code, 2);
}

}  // namespace
}  // namespace dalsegno::test
