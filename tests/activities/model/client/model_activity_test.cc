// The model as workflows have it: over a real store and a real server, with what the log says
// afterwards.

#include "dalsegno/dalsegno.h"
#include "dalsegno/model.h"
#include "storage/log/chain.h"
#include "tests/storage/vault/samples.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno::model {
namespace {

using namespace std::chrono_literals;
using test::ModelServer;
using testing::HasSubstr;
using testing::Not;

constexpr char const* key = "sk-test-0123456789abcdef";

constexpr char const* permit_all = R"({"dalsegno_policy":1,"rules":[
  {"id":"calls","effect":"permit","actions":["model.call","tool.call"]}]})";

struct Asked {
  std::string text;
  std::uint64_t start_to_close_ms = 0;
  std::uint32_t max_attempts = 3;
};
BOOST_DESCRIBE_STRUCT(Asked, (), (text, start_to_close_ms, max_attempts))

struct Told {
  std::string content;
  std::string failure;
  std::string message;
  std::uint64_t attempts = 0;
};
BOOST_DESCRIBE_STRUCT(Told, (), (content, failure, message, attempts))

/// One question, tried a few times without much ado.
Workflow<Told> ask_once(Context& ctx, Asked asked) {
  agent::Message message;
  message.role = "user";
  message.content = asked.text;
  ActivityOptions const options{
      .start_to_close = std::chrono::milliseconds(asked.start_to_close_ms),
      .retry = {.initial = 1ms, .max_interval = 1ms, .max_attempts = asked.max_attempts}};
  Told told;
  try {
    auto const reply = co_await ctx.model<agent::ModelReply>(
        "any", agent::ModelRequest{{.messages = 1, .digest = ""}, {message}}, options);
    told.content = reply.content.value_or("");
  } catch (ActivityFailed const& failed) {
    told.failure = failed.type();
    told.message = failed.what();
    told.attempts = failed.attempts();
  }
  co_return told;
}

class ModelActivity : public testing::Test {
 protected:
  ModelActivity() {
    options_.endpoints.push_back({.name = "first",
                                  .url = first_.url(),
                                  .model = "gpt-4o",
                                  .api_key = key,
                                  .provider = "openai",
                                  .sends_cache_key = true});
    options_.tools = {{"add", "Adds", *parse_json(R"({"type":"object"})")}};
  }

  void start() {
    auto store = Store::open(folder_.path() / "data");
    ASSERT_TRUE(store) << store.error().detail;
    Registry registry;
    registry.add(define_workflow("ask_once", ask_once));
    for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
    auto const added = add_model(registry, *store, options_);
    ASSERT_TRUE(added) << added.error().detail;
    registry.add_tool("add", [](ActivityContext const&, std::string_view input) {
      auto const request = from_json<agent::ToolRequest>(input);
      auto const sum =
          *request->arguments.find("a")->as_integer() + *request->arguments.find("b")->as_integer();
      return ActivityReply{.payload = to_json(agent::ToolReply{.content = std::to_string(sum)})};
    });
    auto started =
        Runtime::start(std::move(*store),
                       std::move(registry),
                       {.policy = policy_, .redaction = {.known = known_secrets(options_)}});
    ASSERT_TRUE(started) << started.error().detail;
    runtime_ = std::move(*started);
  }

  /// Asks once in a session of its own.
  [[nodiscard]] Told ask(std::string const& text,
                         std::uint64_t start_to_close_ms = 0,
                         std::uint32_t max_attempts = 3) {
    if (!runtime_) start();
    SessionId const session{.name = "ask-" + std::to_string(++asked_)};
    EXPECT_TRUE(
        runtime_->start_session(session, "ask_once", Asked{text, start_to_close_ms, max_attempts}));
    auto const told = runtime_->result<Told>(session);
    EXPECT_TRUE(told) << told.error().detail;
    return told.value_or(Told());
  }

  /// One turn of the agent's session `name`.
  [[nodiscard]] std::string turn(std::string const& name, std::string const& text) {
    if (!runtime_) start();
    SessionId const session{.name = name};
    agent::AgentState state;
    state.system = "be brief";
    EXPECT_TRUE(runtime_->start_session(session, "agent", state));
    auto const answer =
        runtime_->ask<std::string>(session, "turn", agent::Turn{.content = text}, text);
    EXPECT_TRUE(answer) << answer.error().detail;
    return answer.value_or("");
  }

  /// The events of one kind in a session's log, after the runtime has ended.
  template <class Body>
  std::vector<Body> events(std::string const& name) {
    runtime_.reset();
    auto const store = Store::open(folder_.path() / "data");
    std::vector<Body> found;
    SessionId const session{.name = name};
    auto const head = store->log().head(session);
    auto const read =
        storage::read_verified(store->log(),
                               session,
                               (*head)->run,
                               1,
                               storage::Reading::show,
                               [&](storage::DecodedStep const& step) {
                                 for (auto const& event : step.step.events)
                                   if (auto const* const body = std::get_if<Body>(&event.body))
                                     found.push_back(*body);
                                 return true;
                               });
    EXPECT_TRUE(read) << read.error().detail;
    return found;
  }

  /// Everything that is in the files of the store.
  std::string files() {
    runtime_.reset();
    std::string all;
    for (auto const& file : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!file.is_regular_file()) continue;
      std::ifstream stream(file.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(stream), {});
    }
    return all;
  }

  test::TemporaryFolder folder_;
  ModelServer first_;
  ModelServer second_;
  Options options_;
  std::string policy_ = permit_all;
  std::unique_ptr<Runtime> runtime_;
  int asked_ = 0;
};

// ---- conversations ----

TEST_F(ModelActivity, holds_a_conversation_with_tools_whose_prompts_grow_from_each_other) {
  EXPECT_EQ(turn("talk", "hello there, this is a text of some length so that it fills blocks"),
            "2 messages, the last one: hello there, this is a text of some length so that it fills "
            "blocks");
  EXPECT_EQ(turn("talk", "call add {\"a\":2,\"b\":3}\ncall add {\"a\":1,\"b\":1}"),
            "the tools said: 5, 2");
  EXPECT_EQ(turn("talk", "thanks"), "9 messages, the last one: thanks");

  auto const requests = first_.requests();
  ASSERT_EQ(requests.size(), 4U);
  for (std::size_t i = 1; i < requests.size(); ++i) {
    auto const before = requests[i - 1].body.substr(0, requests[i - 1].body.size() - 2);
    EXPECT_TRUE(requests[i].body.starts_with(before)) << requests[i].body;
    EXPECT_EQ(requests[i].headers.text("x-session-affinity"),
              requests[0].headers.text("x-session-affinity"));
  }
  auto const body = parse_json(requests[0].body);
  EXPECT_EQ(body->text("prompt_cache_key"), requests[0].headers.text("x-session-affinity"));
  EXPECT_EQ(body->find("tools")->as_array()->size(), 1U);
  EXPECT_THAT(requests[0].body, Not(HasSubstr("talk"))) << "names of sessions do not leave";
}

TEST_F(ModelActivity, another_process_goes_on_with_the_whole_conversation) {
  EXPECT_EQ(turn("talk", "one"), "2 messages, the last one: one");
  runtime_.reset();
  EXPECT_EQ(turn("talk", "call add {\"a\":2,\"b\":3}"), "the tools said: 5");
  runtime_.reset();
  EXPECT_EQ(turn("talk", "one"), "2 messages, the last one: one") << "by its key it is the first";
  EXPECT_EQ(turn("talk", "two"), "8 messages, the last one: two");
  EXPECT_EQ(first_.requests().size(), 4U) << "nothing recorded is asked again";
}

TEST_F(ModelActivity, a_conversation_that_the_log_does_not_hold_is_refused) {
  // As a workflow might that makes up digests.
  static auto const made_up = [](Context& ctx, int) -> Workflow<std::string> {
    try {
      co_await ctx.model<agent::ModelReply>(
          "any", agent::ModelRequest{{.messages = 3, .digest = "00"}, {}});
    } catch (ActivityFailed const& failed) {
      co_return failed.type();
    }
    co_return "";
  };
  auto store = Store::in_memory();
  Registry registry;
  registry.add(define_workflow(
      "made_up",
      +[](Context& ctx, int input) -> Workflow<std::string> { return made_up(ctx, input); }));
  ASSERT_TRUE(add_model(registry, store, options_));
  auto runtime = Runtime::start(std::move(store), std::move(registry), {.policy = policy_});
  ASSERT_TRUE((*runtime)->start_session({.name = "s"}, "made_up", 0));
  EXPECT_EQ((*runtime)->result<std::string>({.name = "s"}).value_or("?"), "prompt_not_recorded");
  EXPECT_TRUE(first_.requests().empty());
}

// ---- what is recorded ----

TEST_F(ModelActivity, leaves_endpoint_usage_cost_and_choice_with_the_call) {
  std::string const text(2'000, 'a');
  (void)turn("talk", text);
  (void)turn("talk", "and now?");
  auto const calls = events<storage::ModelCompleted>("talk");
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].model, "gpt-4o");
  EXPECT_EQ(calls[0].finish, "stop");
  EXPECT_GT(calls[0].input_tokens, 500U);
  EXPECT_GT(calls[0].output_tokens, 0U);
  EXPECT_EQ(calls[0].cached_tokens, 0U);
  EXPECT_GT(calls[1].cached_tokens, 400U);
  ASSERT_EQ(calls[0].contacts.size(), 1U);
  EXPECT_EQ(calls[0].contacts[0].status, 200);
  auto const payload = parse_json(calls[1].result.bytes);
  auto const* const call = payload->find("call");
  ASSERT_NE(call, nullptr) << calls[1].result.bytes;
  EXPECT_EQ(call->text("endpoint"), "first");
  EXPECT_EQ(*call->find("usage")->find("cached"), Json(std::uint64_t{calls[1].cached_tokens}));
  auto const cost = call->find("cost")->find("usd")->as_double();
  auto const cached = static_cast<double>(calls[1].cached_tokens);
  EXPECT_NEAR(*cost,
              ((static_cast<double>(calls[1].input_tokens) - cached) * 2.5 + cached * 1.25 +
               static_cast<double>(calls[1].output_tokens) * 10) /
                  1e6,
              1e-9);
  EXPECT_NE(call->find("first_token_us"), nullptr);
  auto const* const affinity = call->find("affinity");
  EXPECT_EQ(affinity->text("binding"), "kept");
  EXPECT_EQ(affinity->text("miss"), "none");
  EXPECT_GT(*affinity->find("predicted_blocks")->as_integer(), 0);
}

TEST_F(ModelActivity, keeps_keys_and_secrets_out_of_everything_that_is_recorded_and_shown) {
  auto const secret = vault::test::github_pat();
  std::string shown;
  std::mutex mutex;
  options_.on_delta = [&](Delta const& delta) {
    std::lock_guard const lock(mutex);
    shown += delta.text;
  };
  first_.script(R"([{"content":"your token is )" + secret + R"( and that is that"},
      {"fault":"status","status":"401 Unauthorized","body":"{\"error\":\"bad key )" +
                std::string(key) + R"(\"}"}])");
  EXPECT_THAT(ask("what is it?").content, HasSubstr("[secret:"));
  EXPECT_THAT(shown, HasSubstr("your token is [secret:"));
  EXPECT_THAT(shown, HasSubstr(" and that is that"));
  EXPECT_THAT(shown, Not(HasSubstr(secret.substr(0, 12))));
  auto const refused = ask("again");
  EXPECT_EQ(refused.failure, "unauthorized");
  EXPECT_EQ(refused.attempts, 1U);
  EXPECT_EQ(refused.message, "first: status 401: bad key [api key]");
  auto const all = files();
  EXPECT_FALSE(all.contains(key));
  EXPECT_FALSE(all.contains(secret));
}

// ---- retries ----

TEST_F(ModelActivity, is_tried_again_when_the_server_says_so) {
  first_.script(R"([{"fault":"status","status":"429 Too Many Requests",
      "headers":"Retry-After-Ms: 5\r\n","body":"{\"error\":{\"message\":\"slow down\"}}"},
      {"fault":"cut","events":2}])");
  EXPECT_EQ(ask("hello").content, "1 messages, the last one: hello");
  auto const failed = events<storage::AttemptFailed>("ask-1");
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].type, "rate_limited");
  EXPECT_THAT(failed[0].message, HasSubstr("to be tried again in 5 ms"));
  EXPECT_EQ(failed[1].type, "cut_off");
  EXPECT_EQ(failed[1].contacts.size(), 1U);
}

TEST_F(ModelActivity, an_attempt_that_failed_says_where_it_went_what_it_used_and_what_that_cost) {
  Json nothing;
  nothing.set("choices", Json::Array{});
  nothing.set("usage", Json().set("prompt_tokens", 1'000).set("completion_tokens", 10));
  Json order;
  order.set("fault", "body").set("body", to_string(nothing));
  first_.script(to_string(Json(Json::Array{order, Json().set("fault", "close")})));
  EXPECT_EQ(ask("hello").content, "1 messages, the last one: hello");
  auto const failed = events<storage::AttemptFailed>("ask-1");
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].type, "empty_answer");
  auto const details = parse_json(failed[0].heartbeat.bytes);
  ASSERT_TRUE(details) << failed[0].heartbeat.bytes;
  auto const* const call = details->find("call");
  EXPECT_EQ(call->text("endpoint"), "first");
  EXPECT_EQ(*call->find("usage")->find("input"), Json(1000));
  EXPECT_NEAR(*call->find("cost")->find("usd")->as_double(), 0.0026, 1e-9);
  EXPECT_EQ(failed[1].heartbeat.bytes, R"({"call":{"endpoint":"first"}})");
}

TEST_F(ModelActivity, an_attempt_that_took_too_long_says_where_it_went) {
  first_.script(R"([{"fault":"hang"}])");
  EXPECT_EQ(ask("hello", 50, 1).failure, "start_to_close_timeout");
  EXPECT_EQ(events<storage::AttemptFailed>("ask-1").at(0).heartbeat.bytes,
            R"({"call":{"endpoint":"first"}})");
}

TEST_F(ModelActivity, a_storm_over_all_endpoints_ends_without_calling_them_again) {
  options_.endpoints.push_back({.name = "second", .url = second_.url(), .model = "gpt-4o"});
  std::string const busy =
      R"([{"fault":"status","status":"429 Too Many Requests","headers":"Retry-After: 3600\r\n"}])";
  first_.script(busy);
  second_.script(busy);
  EXPECT_EQ(ask("one", 0, 1).failure, "rate_limited");
  EXPECT_EQ(ask("two", 0, 1).failure, "rate_limited");
  auto const told = ask("three", 0, 1);
  EXPECT_EQ(told.failure, "endpoints_unavailable");
  EXPECT_THAT(told.message, HasSubstr("first, second (to be tried again in 3"));
  EXPECT_EQ(first_.requests().size(), 1U);
  EXPECT_EQ(second_.requests().size(), 1U);
}

TEST_F(ModelActivity, another_endpoint_takes_over_from_one_that_is_lost) {
  options_.endpoints.push_back({.name = "second", .url = second_.url(), .model = "gpt-4o"});
  options_.failures_to_pause = 1;
  EXPECT_EQ(ask("one").content, "1 messages, the last one: one");
  auto& lost = first_.requests().empty() ? second_ : first_;
  lost.kill();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask("two").content, "1 messages, the last one: two");
}

TEST_F(ModelActivity, a_call_that_takes_too_long_is_closed_and_what_came_of_it_is_recorded) {
  first_.script(R"([{"fault":"hang_after","events":2},{"fault":"hang"},{"fault":"hang"}])");
  auto const told = ask("hello", 50);
  EXPECT_EQ(told.failure, "start_to_close_timeout");
  EXPECT_EQ(told.attempts, 3U);
  // The runtime waits for attempts under way: they end, as their connections are closed.
  auto const orphans = events<storage::AttemptOrphaned>("ask-1");
  for (auto const& orphan : orphans)
    for (auto const& contact : orphan.contacts) EXPECT_EQ(contact.outcome, "cancelled");
}

// ---- faults ----

TEST_F(ModelActivity, records_of_each_fault_of_a_server_what_happened_and_where) {
  struct Fault {
    char const* order;
    char const* type;
    char const* said;
  };
  std::vector<Fault> const faults = {
      {R"({"fault":"close"})", "cut_off", "before the answer's head"},
      {R"({"fault":"close_after_head"})", "cut_off", ""},
      {R"({"fault":"cut","events":3})", "cut_off", ""},
      {R"({"fault":"short","events":3})", "truncated", "neither [DONE] nor a finish_reason"},
      {R"({"fault":"huge","bytes":50000000})", "too_large", ""},
      {R"({"fault":"invalid_utf8"})", "malformed_answer", "no JSON"},
      {R"({"fault":"body","body":"{"})", "malformed_answer", "no JSON"},
      {R"({"fault":"status","status":"500 Oh"})", "server_error", "status 500"},
      {R"({"fault":"die","events":3})", "cut_off", ""}};
  options_.failures_to_pause = 100;
  for (auto const& fault : faults) first_.script("[" + std::string(fault.order) + "]");
  for (auto const& fault : faults) {
    auto const told = ask("hello", 0, 1);
    EXPECT_EQ(told.failure, fault.type) << fault.order;
  }
  EXPECT_EQ(ask("hello", 0, 1).failure, "unreachable") << "the server has died";
  for (std::size_t i = 0; i < faults.size(); ++i) {
    auto const failed = events<storage::AttemptFailed>("ask-" + std::to_string(i + 1));
    ASSERT_EQ(failed.size(), 1U) << faults[i].order;
    EXPECT_EQ(failed[0].type, faults[i].type);
    EXPECT_THAT(failed[0].message, testing::StartsWith("first: ")) << faults[i].order;
    EXPECT_THAT(failed[0].message, HasSubstr(faults[i].said)) << faults[i].order;
    EXPECT_EQ(failed[0].contacts.size(), 1U) << faults[i].order;
    EXPECT_THAT(failed[0].heartbeat.bytes, HasSubstr(R"("endpoint":"first")")) << faults[i].order;
  }
}

TEST_F(ModelActivity, an_answer_that_comes_after_its_time_is_nobodys_answer) {
  options_.first_token_timeout = 100ms;
  first_.script(R"([{"gate":"late","content":"the late one"}])");
  EXPECT_EQ(ask("one", 0, 1).failure, "timed_out");
  first_.open_gate("late");
  runtime_.reset();
  options_.first_token_timeout = 60s;
  EXPECT_EQ(ask("two", 0, 1).content, "1 messages, the last one: two");
  auto const failed = events<storage::AttemptFailed>("ask-1");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_THAT(failed[0].message, HasSubstr("first: "));
  EXPECT_TRUE(failed[0].retryable);
  EXPECT_TRUE(events<storage::ModelCompleted>("ask-1").empty());
}

TEST_F(ModelActivity, goes_only_where_the_permits_route_leads) {
  policy_ = R"({"dalsegno_policy":1,"rules":[{"id":"calls","effect":"permit",
      "actions":["model.call"],"obligations":{"route":["models.example"]}}]})";
  auto const told = ask("hello");
  EXPECT_EQ(told.failure, "denied");
  EXPECT_TRUE(first_.requests().empty());
}

// ---- configuration ----

TEST_F(ModelActivity, refuses_what_is_configured_wrongly_and_says_what) {
  auto const refused = [&](auto change) {
    auto options = options_;
    change(options);
    Registry registry;
    auto const store = Store::in_memory();
    auto const added = add_model(registry, store, options);
    return added ? std::string("accepted") : added.error().detail;
  };
  EXPECT_EQ(refused([](Options&) {}), "accepted");
  EXPECT_EQ(refused([](Options& o) { o.endpoints.clear(); }), "the model: it has no endpoint");
  EXPECT_THAT(refused([](Options& o) { o.endpoints[0].url = "ftp://x"; }),
              HasSubstr("endpoint 1 (first): "));
  EXPECT_THAT(refused([](Options& o) { o.endpoints[0].model = ""; }), HasSubstr("names no model"));
  EXPECT_THAT(refused([](Options& o) { o.endpoints[0].api_key = "two words"; }),
              Not(HasSubstr("two words")));
  EXPECT_THAT(refused([](Options& o) { o.endpoints[0].weight = 0; }), HasSubstr("weight"));
  EXPECT_THAT(refused([](Options& o) { o.tools.push_back(o.tools[0]); }), HasSubstr("taken"));
  EXPECT_THAT(refused([](Options& o) { o.tools[0].name = "my tool"; }), HasSubstr("1 to 64"));
  EXPECT_THAT(refused([](Options& o) { o.tools[0].parameters = Json(1); }), HasSubstr("Schema"));
  EXPECT_THAT(refused([](Options& o) { o.tool_choice = "subtract"; }), HasSubstr("subtract"));
  EXPECT_THAT(refused([](Options& o) { o.egress = "{"; }), HasSubstr("egress:1:"));
}

TEST_F(ModelActivity, is_configured_by_the_environment) {
  auto const set = [](char const* name, char const* value) {
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  };
  set("DALSEGNO_MODEL_URL", nullptr);
  set("DALSEGNO_MODEL", "small");
  set("DALSEGNO_API_KEY", key);
  EXPECT_EQ(options_from_environment().error().detail, "the environment has no DALSEGNO_MODEL_URL");
  set("DALSEGNO_MODEL_URL", "http://127.0.0.1:1/v1,https://api.anthropic.com/v1");
  auto const options = options_from_environment();
  ASSERT_TRUE(options);
  ASSERT_EQ(options->endpoints.size(), 2U);
  EXPECT_EQ(options->endpoints[0].dialect, Dialect::chat);
  EXPECT_EQ(options->endpoints[0].api_key, key);
  EXPECT_EQ(options->endpoints[1].dialect, Dialect::messages);
  EXPECT_EQ(options->endpoints[1].provider, "anthropic");
  EXPECT_EQ(known_secrets(*options).size(), 2U);
  set("DALSEGNO_MODEL_DIALECT", "klingon");
  EXPECT_EQ(options_from_environment().error().code, Errc::invalid);
  for (auto const* const name :
       {"DALSEGNO_MODEL_URL", "DALSEGNO_MODEL", "DALSEGNO_API_KEY", "DALSEGNO_MODEL_DIALECT"})
    set(name, nullptr);
}

}  // namespace
}  // namespace dalsegno::model
