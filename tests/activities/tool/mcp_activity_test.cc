// Tools of MCP servers as workflows have them.

#include "dalsegno/agent.h"
#include "dalsegno/dalsegno.h"
#include "dalsegno/tools.h"
#include "storage/log/chain.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno::tools {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Host final : public detail::AttemptHost {
 public:
  void contacted(Contact) override {}
  std::optional<PolicyAnswer> decide(std::string_view,
                                     std::string_view,
                                     Json const&) const override {
    return {};
  }
  void heartbeat(std::string details) override {
    std::scoped_lock const lock(mutex_);
    heartbeats_.push_back(std::move(details));
  }
  std::vector<std::string> heartbeats() {
    std::scoped_lock const lock(mutex_);
    return heartbeats_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> heartbeats_;
};

class McpActivity : public testing::Test {
 protected:
  McpActivity() {
    options_.process.command = {MCP_SCRIPTED_SERVER};
    options_.process.memory_bytes = 0;  // a sanitizer takes all there is
  }

  void add() {
    auto added = add_mcp_server(registry_, options_);
    ASSERT_TRUE(added) << added.error().detail;
    server_ = std::move(*added);
  }
  [[nodiscard]] McpTool tool(std::string_view origin) const {
    for (auto const& tool : server_.tools)
      if (tool.origin == origin) return tool;
    ADD_FAILURE() << "there is no tool " << origin;
    return {};
  }

  struct Called {
    std::string content;
    bool is_error = false;
    std::optional<ActivityError> failure;
    [[nodiscard]] std::string type() const { return failure ? failure->type() : "none"; }
    [[nodiscard]] std::string message() const { return failure ? failure->what() : ""; }
  };
  Called call(std::string const& name, std::string_view arguments = "{}") {
    auto const* const handler = registry_.find_tool(name);
    if (handler == nullptr) {
      ADD_FAILURE() << "there is no tool " << name;
      return {};
    }
    ActivityContext context;
    context.idempotency_key = "default/s/r/1";
    context.host = &host_;
    try {
      auto const reply = (*handler)(
          context, to_json(agent::ToolRequest{.id = "c1", .arguments = *parse_json(arguments)}));
      return {from_json<agent::ToolReply>(reply.payload)->content, reply.is_error, {}};
    } catch (ActivityError const& error) {
      return {{}, false, error};
    }
  }

  McpOptions options_;
  Registry registry_;
  McpServer server_;
  Host host_;
};

// ---- registering ----

TEST_F(McpActivity, offers_a_servers_tools_under_names_that_models_take) {
  options_.prefix = "s1.";
  options_.only = {"echo", "odd.name"};
  add();
  std::vector<std::string> names;
  for (auto const& one : for_model(server_.tools)) names.push_back(one.name);
  EXPECT_THAT(names, ElementsAre("s1_echo", "s1_odd_name"));
  EXPECT_EQ(call("s1_echo", R"({"text":"hello"})").content, "hello");
  EXPECT_THAT(call("s1_odd_name").content, HasSubstr("cancelled"));
}

TEST_F(McpActivity, leaves_out_a_tool_whose_schema_is_none_and_says_why) {
  add();
  EXPECT_THAT(server_.refused,
              ElementsAre(HasSubstr("\"broken\": its input schema at #/properties")));
  EXPECT_EQ(registry_.find_tool("broken"), nullptr);
}

TEST_F(McpActivity, declares_what_the_program_knows_of_each_tool) {
  options_.each_tool["echo"] = {.risk = Risk::read, .effect = EffectClass::idempotent};
  add();
  EXPECT_EQ(registry_.options_of_tool("echo").effect, EffectClass::idempotent);
  EXPECT_EQ(registry_.options_of_tool("echo").risk, Risk::read);
  EXPECT_EQ(registry_.options_of_tool("die").effect, EffectClass::at_most_once);
  EXPECT_TRUE(registry_.options_of_tool("die").untrusted);
}

TEST_F(McpActivity, refuses_options_that_name_no_server_or_two) {
  options_.process.command.clear();
  auto const none = add_mcp_server(registry_, options_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::invalid);
  options_.process.command = {"a"};
  options_.endpoint.url = "http://localhost/mcp";
  EXPECT_FALSE(add_mcp_server(registry_, options_));
}

TEST_F(McpActivity, says_why_a_server_does_not_tell_its_tools) {
  options_.process.command.emplace_back("ends");
  auto const added = add_mcp_server(registry_, options_);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::unavailable);
  EXPECT_THAT(added.error().detail, HasSubstr("no licence found"));
}

// ---- calls ----

TEST_F(McpActivity, refuses_wrong_arguments_before_anything_leaves) {
  add();
  auto const called = call("echo", R"({"text":7})");
  EXPECT_EQ(called.type(), "invalid_arguments");
  EXPECT_EQ(called.failure->retry(), ActivityError::Retry::forbidden);
  EXPECT_FALSE(called.failure->outcome_unknown());
  EXPECT_EQ(called.message(),
            "the arguments do not fit the tool \"echo\":\nat /text: expected string, got number 7");
}

TEST_F(McpActivity, gives_the_model_an_error_of_the_tool_as_an_answer) {
  add();
  auto const called = call("fail");
  EXPECT_EQ(called.type(), "none");
  EXPECT_TRUE(called.is_error);
  EXPECT_EQ(called.content, R"({"error":"tool_error","message":"the disk is full"})");
}

TEST_F(McpActivity, says_when_an_answer_does_not_fit_what_the_tool_declares) {
  add();
  auto const called = call("lie");
  EXPECT_TRUE(called.is_error);
  EXPECT_THAT(called.content, HasSubstr(R"(at /sum: expected integer, got string \"four\")"));
}

TEST_F(McpActivity, turns_progress_into_heartbeats) {
  add();
  EXPECT_EQ(call("progress").content, "done");
  EXPECT_THAT(host_.heartbeats(),
              ElementsAre(R"({"message":"step","progress":1,"total":3})",
                          R"({"message":"step","progress":2,"total":3})",
                          R"({"message":"step","progress":3,"total":3})"));
}

TEST_F(McpActivity, cuts_off_what_is_too_much_for_a_model) {
  options_.max_content_bytes = 10;
  add();
  EXPECT_EQ(call("echo", R"({"text":"0123456789"})").content, "0123456789");
  EXPECT_EQ(call("echo", R"({"text":"012345678é0"})").content,
            "012345678\n[cut off: 9 of 12 bytes]");
}

TEST_F(McpActivity, says_of_a_server_that_died_in_the_call_that_the_outcome_is_unknown) {
  add();
  auto const called = call("die");
  EXPECT_EQ(called.type(), "server_ended");
  EXPECT_TRUE(called.failure->outcome_unknown());
  EXPECT_EQ(called.failure->retry(), ActivityError::Retry::allowed);
  EXPECT_EQ(call("echo", R"({"text":"again"})").content, "again");
}

TEST_F(McpActivity, says_of_an_answer_that_is_none_that_the_outcome_is_unknown) {
  add();
  for (auto const* const name : {"flood", "garbage"}) {
    auto const called = call(name);
    EXPECT_THAT(called.type(), testing::AnyOf("too_large", "malformed_answer"));
    EXPECT_TRUE(called.failure->outcome_unknown());
    EXPECT_EQ(called.failure->retry(), ActivityError::Retry::forbidden);
    EXPECT_EQ(call("echo", R"({"text":"again"})").content, "again") << "after " << name;
  }
}

// ---- pins ----

TEST_F(McpActivity, refuses_a_tool_that_was_changed_between_list_and_call) {
  add();
  EXPECT_EQ(call("echo", R"({"text":"before"})").content, "before");
  EXPECT_EQ(call("change").content, "changed");
  auto const called = call("echo", R"({"text":"after"})");
  EXPECT_EQ(called.type(), "tool_changed");
  EXPECT_EQ(called.failure->retry(), ActivityError::Retry::forbidden);
  EXPECT_FALSE(called.failure->outcome_unknown());
  EXPECT_THAT(called.message(), HasSubstr("(parameters)"));
  EXPECT_THAT(called.message(), HasSubstr(tool("echo").digest));
  EXPECT_EQ(call("change").content, "changed") << "the others are as they were";
}

TEST_F(McpActivity, calls_a_changed_tool_once_its_new_digest_is_allowed) {
  add();
  EXPECT_EQ(call("change").content, "changed");
  auto const message = call("echo").message();
  auto const place = message.find("its digest is ");
  ASSERT_NE(place, std::string::npos) << message;
  options_.allowed = {message.substr(place + 14, 64)};
  add();
  EXPECT_EQ(call("change").content, "changed");
  EXPECT_EQ(call("echo", R"({"text":"after"})").content, "after");
  EXPECT_EQ(call("echo", R"({"to":7})").type(), "invalid_arguments")
      << "by the schema that holds now";
}

TEST_F(McpActivity, starts_without_a_server_when_its_tools_are_pinned) {
  auto const listed = list_mcp_tools(options_);
  ASSERT_TRUE(listed);
  options_.pinned = *from_json<std::vector<McpTool>>(to_json(listed->tools));
  auto const works = options_.process.command;
  options_.process.command = {"/nowhere/server"};
  add();
  EXPECT_EQ(call("echo").type(), "not_started");
  options_.process.command = works;
  add();
  EXPECT_EQ(call("echo", R"({"text":"pinned"})").content, "pinned");
}

TEST_F(McpActivity, refuses_a_tool_that_is_not_the_pinned_one_at_the_first_call) {
  auto const listed = list_mcp_tools(options_);
  ASSERT_TRUE(listed);
  options_.pinned = listed->tools;
  for (auto& one : options_.pinned)
    if (one.origin == "echo") one.description = "Reads only", one.digest = std::string(64, '0');
  add();
  auto const called = call("echo");
  EXPECT_EQ(called.type(), "tool_changed");
  EXPECT_THAT(called.message(), HasSubstr("(description)"));
}

TEST_F(McpActivity, notices_a_tool_that_is_gone) {
  auto const listed = list_mcp_tools(options_);
  ASSERT_TRUE(listed);
  options_.pinned = listed->tools;
  for (auto& one : options_.pinned)
    if (one.origin == "echo") one.origin = "old_echo";
  add();
  EXPECT_EQ(call("echo").type(), "tool_gone");
}

TEST_F(McpActivity, keeps_what_is_secret_for_redaction) {
  options_.endpoint.token = "token-1234";
  options_.process.secrets = {{"KEY", "key-5678"}, {"PIN", "123"}};
  options_.process.environment = {{"MODE", "production"}};
  std::vector<std::string> values;
  for (auto const& secret : known_secrets(options_)) values.push_back(secret.value);
  EXPECT_THAT(values, ElementsAre("token-1234", "key-5678"));
}

// ---- with a runtime ----

struct Asked {
  std::string tool;
  Json arguments;
};
BOOST_DESCRIBE_STRUCT(Asked, (), (tool, arguments))

struct Told {
  std::string content;
  std::string failure;
  std::uint32_t attempts = 0;
};
BOOST_DESCRIBE_STRUCT(Told, (), (content, failure, attempts))

Workflow<Told> ask(Context& ctx, Asked asked) {
  Told told;
  try {
    auto const reply = co_await ctx.tool<agent::ToolReply>(
        asked.tool,
        agent::ToolRequest{.id = "c1", .arguments = asked.arguments},
        {.retry = {.initial = 1ms, .max_interval = 1ms, .max_attempts = 3}});
    told.content = reply.content;
  } catch (ActivityFailed const& failed) {
    told.failure = failed.type();
    told.attempts = failed.attempts();
  }
  co_return told;
}

class McpWorkflow : public McpActivity {
 protected:
  void start() {
    registry_.add(define_workflow("ask", ask));
    add();
    auto store = Store::open(folder_.path() / "data");
    ASSERT_TRUE(store) << store.error().detail;
    auto started =
        Runtime::start(std::move(*store), registry_, {.policy = R"({"dalsegno_policy":1,"rules":[
        {"id":"tools","effect":"permit","actions":["tool.call"]}]})"});
    ASSERT_TRUE(started) << started.error().detail;
    runtime_ = std::move(*started);
  }
  Told ask_for(std::string const& name, std::string_view arguments = "{}") {
    SessionId const session{.name = name};
    EXPECT_TRUE(runtime_->start_session(session, "ask", Asked{name, *parse_json(arguments)}));
    auto const told = runtime_->result<Told>(session);
    EXPECT_TRUE(told) << told.error().detail;
    return told.value_or(Told());
  }
  /// The failures in the session's log, after the runtime has ended.
  std::vector<storage::AttemptFailed> failures(std::string const& name) {
    runtime_.reset();
    auto const store = Store::open(folder_.path() / "data");
    std::vector<storage::AttemptFailed> found;
    SessionId const session{.name = name};
    auto const read = storage::read_verified(
        store->log(),
        session,
        (*store->log().head(session))->run,
        1,
        storage::Reading::show,
        [&](storage::DecodedStep const& step) {
          for (auto const& event : step.step.events)
            if (auto const* const failed = std::get_if<storage::AttemptFailed>(&event.body))
              found.push_back(*failed);
          return true;
        });
    EXPECT_TRUE(read) << read.error().detail;
    return found;
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(McpWorkflow, records_of_each_fault_of_a_server_what_happened) {
  options_.every_tool.effect = EffectClass::idempotent;
  options_.answer_time = 1s;
  start();
  EXPECT_EQ(ask_for("change").content, "changed");
  struct Fault {
    char const* tool;
    std::size_t attempts;
    std::vector<std::string> types;  // one of these, each time
    char const* said;
  };
  // A server that has just died may be left alone for a while.
  std::vector<Fault> const faults = {{"echo", 1, {"tool_changed"}, "its digest is "},
                                     {"flood", 1, {"too_large"}, "bytes"},
                                     {"garbage", 1, {"malformed_answer"}, "UTF-8"},
                                     {"hang", 3, {"timed_out", "server_unavailable"}, ""},
                                     {"die", 3, {"server_ended", "server_unavailable"}, ""}};
  for (auto const& fault : faults)
    EXPECT_THAT(ask_for(fault.tool).failure, testing::AnyOfArray(fault.types)) << fault.tool;
  for (auto const& fault : faults) {
    auto const failed = failures(fault.tool);
    ASSERT_EQ(failed.size(), fault.attempts) << fault.tool;
    EXPECT_EQ(failed[0].type, fault.types[0]) << fault.tool;
    for (auto const& failure : failed) {
      EXPECT_THAT(failure.type, testing::AnyOfArray(fault.types)) << fault.tool;
      EXPECT_FALSE(failure.message.empty()) << fault.tool;
      EXPECT_THAT(failure.message, HasSubstr(fault.said)) << fault.tool;
    }
  }
}

TEST_F(McpWorkflow, calls_a_tool_and_sees_its_error_as_an_answer) {
  start();
  EXPECT_EQ(ask_for("echo", R"({"text":"hello"})").content, "hello");
  EXPECT_EQ(ask_for("fail").content, R"({"error":"tool_error","message":"the disk is full"})");
}

TEST_F(McpWorkflow, does_not_repeat_a_call_with_wrong_arguments) {
  start();
  auto const told = ask_for("echo", R"({"text":[]})");
  EXPECT_EQ(told.failure, "invalid_arguments");
  EXPECT_EQ(told.attempts, 1U);
}

TEST_F(McpWorkflow, repeats_a_call_of_an_idempotent_tool_whose_server_died) {
  options_.every_tool.effect = EffectClass::idempotent;
  start();
  // Each attempt kills the server that the next one starts.
  auto const told = ask_for("die");
  EXPECT_THAT(told.failure, testing::AnyOf("server_ended", "server_unavailable"));
  EXPECT_EQ(told.attempts, 3U);
}

TEST_F(McpWorkflow, leaves_a_call_at_most_once_whose_server_died_to_a_person) {
  start();
  SessionId const session{.name = "doubt"};
  ASSERT_TRUE(runtime_->start_session(session, "ask", Asked{"die", Json(Json::Object{})}));
  auto doubts = runtime_->in_doubt();
  while (doubts && doubts->empty()) doubts = runtime_->in_doubt();
  ASSERT_TRUE(doubts) << doubts.error().detail;
  ASSERT_EQ(doubts->size(), 1U);
  EXPECT_EQ(doubts->front().what, "die");
  EXPECT_THAT(doubts->front().reason, HasSubstr("signal 9"));
  ASSERT_TRUE(runtime_->resolve(session,
                                doubts->front().operation,
                                Resolve::completed,
                                {.by = "anna", .reason = "it had"},
                                to_json(agent::ToolReply{.content = "done by hand"})));
  EXPECT_EQ(runtime_->result<Told>(session)->content, "done by hand");
}

}  // namespace
}  // namespace dalsegno::tools
