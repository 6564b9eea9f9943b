// The client against a real server in another process: how each fault of it ends.

#include "activities/http/network_transport.h"
#include "activities/model/client/client.h"
#include "tests/support/model_server/model_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::activities {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr char const* key = "sk-test-0123456789abcdef";

class ModelClientTest : public testing::Test {
 protected:
  ModelClientTest() {
    auto rules = http::EgressRules::parse(
        R"({"dalsegno_egress":1,"rules":[{"id":"here","hosts":["127.0.0.1"],"ports":["1-65535"],
            "schemes":["http"],"addresses":["127.0.0.1"]}]})");
    guard_.emplace(std::move(*rules), resolver_);
    transport_ = std::move(*http::NetworkTransport::make({.system_roots = false}));
    http_.emplace(*guard_, *transport_);
    options_.on_delta = [this](AnswerDelta delta) { deltas_.push_back(std::move(delta)); };
    options_.on_contact = [this](Contact contact) { contacts_.push_back(std::move(contact)); };
  }

  [[nodiscard]] ModelCalled ask(std::string const& text, bool stream = true) {
    ModelCall call;
    call.model = "small";
    call.stream = stream;
    agent::Message message;
    message.role = "user";
    message.content = text;
    call.messages.push_back({message, {}});
    deltas_.clear();
    return ModelClient(*http_).call(
        {.url = server_.url(), .dialect = dialect_, .api_key = key}, call, options_);
  }
  /// What becomes of the next call when the server behaves like that.
  [[nodiscard]] ModelFault fault_of(std::string const& order, bool stream = true) {
    server_.script("[" + order + "]");
    auto const called = ask("hello", stream);
    return called.answer ? ModelFault{.type = "none", .message = {}} : called.answer.error();
  }

  test::ModelServer server_;
  http::SystemResolver resolver_;
  std::optional<http::EgressGuard> guard_;
  std::unique_ptr<http::NetworkTransport> transport_;
  std::optional<http::Client> http_;
  Dialect dialect_ = Dialect::chat;
  ModelCallOptions options_;
  std::vector<AnswerDelta> deltas_;
  std::vector<Contact> contacts_;
};

// ---- answers ----

TEST_F(ModelClientTest, reads_a_streamed_answer_as_it_comes) {
  auto const called = ask("hello");
  ASSERT_TRUE(called.answer) << called.answer.error().message;
  EXPECT_EQ(called.answer->content, "1 messages, the last one: hello");
  EXPECT_EQ(called.answer->finish, "stop");
  EXPECT_EQ(called.answer->model, "small");
  EXPECT_GT(called.answer->usage->input, 0U);
  std::string text;
  for (auto const& delta : deltas_) text += delta.text;
  EXPECT_EQ(text, "1 messages, the last one: hello");
  EXPECT_GT(deltas_.size(), 1U);
  ASSERT_TRUE(called.first_token);
  EXPECT_LE(called.started, *called.first_token);
  EXPECT_LE(*called.first_token, called.ended);
  ASSERT_EQ(contacts_.size(), 1U);
  EXPECT_EQ(contacts_[0].status, 200);
}

TEST_F(ModelClientTest, says_who_it_is_and_keeps_its_connection) {
  EXPECT_TRUE(ask("one").answer);
  EXPECT_TRUE(ask("two").answer);
  auto const requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].headers.text("authorization"), std::string("Bearer ") + key);
  EXPECT_EQ(requests[0].headers.text("connection"), "keep-alive");
}

TEST_F(ModelClientTest, reads_tool_calls_side_by_side_whole_and_in_pieces) {
  for (bool const stream : {true, false}) {
    auto const called = ask("call add {\"a\":1,\"b\":2}\ncall now", stream);
    ASSERT_TRUE(called.answer) << called.answer.error().message;
    ASSERT_EQ(called.answer->tool_calls.size(), 2U);
    EXPECT_EQ(called.answer->tool_calls[0].name, "add");
    EXPECT_EQ(canonical(called.answer->tool_calls[0].arguments), R"({"a":1,"b":2})");
    EXPECT_EQ(called.answer->tool_calls[1].name, "now");
    EXPECT_EQ(called.answer->finish, "tool_calls");
  }
}

TEST_F(ModelClientTest, speaks_messages_too) {
  dialect_ = Dialect::messages;
  for (bool const stream : {true, false}) {
    server_.script(R"([{"reasoning":"hm","content":"so","tool_calls":[
        {"id":"t","name":"f","arguments":{"x":1}}]}])");
    auto const called = ask("hello", stream);
    ASSERT_TRUE(called.answer) << called.answer.error().message;
    EXPECT_EQ(called.answer->content, "so");
    EXPECT_EQ(called.answer->reasoning, "hm");
    EXPECT_EQ(called.answer->reasoning_blocks.size(), 1U);
    EXPECT_EQ(canonical(called.answer->tool_calls.at(0).arguments), R"({"x":1})");
    EXPECT_GT(called.answer->usage->input, 0U);
  }
  EXPECT_EQ(server_.requests()[0].headers.text("x-api-key"), key);
}

TEST_F(ModelClientTest, takes_a_whole_answer_where_it_asked_for_a_stream) {
  server_.script(R"([{"fault":"not_streamed"}])");
  auto const called = ask("hello");
  ASSERT_TRUE(called.answer) << called.answer.error().message;
  EXPECT_EQ(called.answer->content, "1 messages, the last one: hello");
}

TEST_F(ModelClientTest, reads_refusals_and_the_cached_part_of_a_prompt) {
  server_.script(R"([{"refusal":"I will not"}])");
  EXPECT_EQ(ask("x").answer->refusal, "I will not");
  std::string const text(1'000, 'a');
  EXPECT_EQ(ask(text).answer->usage->cached, 0U);
  auto const again = ask(text + " and more");
  EXPECT_GE(again.answer->usage->cached, 240U);
  EXPECT_LT(again.answer->usage->cached, again.answer->usage->input);
}

TEST_F(ModelClientTest, whoever_listens_cannot_spoil_the_answer) {
  options_.on_delta = [](AnswerDelta const&) { throw std::runtime_error("not my day"); };
  EXPECT_TRUE(ask("hello").answer);
}

// ---- faults ----

TEST_F(ModelClientTest, an_answer_that_is_no_success_becomes_its_fault_with_the_servers_delay) {
  auto const fault = fault_of(R"({"fault":"status","status":"429 Too Many Requests",
      "headers":"Retry-After: 7\r\n","body":"{\"error\":{\"message\":\"slow down\"}}"})");
  EXPECT_EQ(fault.type, "rate_limited");
  EXPECT_TRUE(fault.retryable);
  EXPECT_EQ(fault.retry_after, 7s);
  EXPECT_EQ(fault.message, "status 429: slow down");
}

TEST_F(ModelClientTest, a_server_that_rejects_as_it_is_busy_is_overloaded) {
  auto const fault = fault_of(R"({"fault":"status","status":"429 Too Many Requests",
      "body":"{\"errors\":[{\"code\":3040,\"message\":\"Capacity temporarily exceeded\"}]}"})");
  EXPECT_EQ(fault.type, "overloaded");
  EXPECT_TRUE(fault.retryable);
}

TEST_F(ModelClientTest, every_status_has_its_rule) {
  auto const of = [&](std::string const& status) {
    auto const fault = fault_of(R"({"fault":"status","body":"<html>","status":")" + status + "\"}");
    return fault.type + (fault.retryable ? " again" : " never");
  };
  EXPECT_EQ(of("400 Bad Request"), "bad_request never");
  EXPECT_EQ(of("401 Unauthorized"), "unauthorized never");
  EXPECT_EQ(of("408 Request Timeout"), "request_timeout again");
  EXPECT_EQ(of("409 Conflict"), "conflict again");
  EXPECT_EQ(of("500 Internal Server Error"), "server_error again");
  EXPECT_EQ(of("503 Service Unavailable"), "overloaded again");
  EXPECT_EQ(of("529 Overloaded"), "overloaded again");
}

TEST_F(ModelClientTest, a_redirect_is_not_followed) {
  EXPECT_EQ(fault_of(R"({"fault":"status","status":"307 Temporary Redirect",
                        "headers":"Location: /v1/elsewhere\r\n"})")
                .retryable,
            false);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(ModelClientTest, a_key_that_the_server_repeats_is_not_in_the_fault) {
  auto const fault = fault_of(std::string(R"({"fault":"status","status":"401 Unauthorized",
      "body":"{\"error\":{\"message\":\"Incorrect API key: )") +
                              key + R"(.\"}}"})");
  EXPECT_EQ(fault.message, "status 401: Incorrect API key: [api key].");
}

TEST_F(ModelClientTest, a_stream_that_is_cut_is_never_an_answer) {
  for (std::string const events : {"0", "1", "3"}) {
    auto const fault = fault_of(R"({"fault":"cut","events":)" + events + "}");
    EXPECT_EQ(fault.type, "cut_off") << events;
    EXPECT_TRUE(fault.retryable);
  }
  EXPECT_EQ(fault_of(R"({"fault":"close"})").type, "cut_off");
  EXPECT_EQ(fault_of(R"({"fault":"close_after_head"})").type, "cut_off");
}

TEST_F(ModelClientTest, a_stream_that_ends_in_order_but_too_early_is_truncated) {
  auto const fault = fault_of(R"({"fault":"short","events":3})");
  EXPECT_EQ(fault.type, "truncated");
  EXPECT_TRUE(fault.retryable);
  EXPECT_EQ(fault_of(R"({"fault":"body","body":"{}"})").type, "empty_answer");
}

TEST_F(ModelClientTest, what_is_no_answer_is_malformed_or_empty) {
  for (bool const stream : {true, false}) {
    EXPECT_EQ(fault_of(R"({"fault":"invalid_utf8"})", stream).type, "malformed_answer");
    EXPECT_EQ(fault_of(R"({"fault":"body","body":"{\"choices\": [nonsense"})", stream).type,
              "malformed_answer");
    EXPECT_EQ(fault_of(R"({"fault":"body","body":"{\"choices\":[]}"})", stream).type,
              "empty_answer");
    EXPECT_EQ(fault_of(R"({"fault":"body","body":
        "{\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}"})",
                       stream)
                  .type,
              "overloaded");
  }
}

TEST_F(ModelClientTest, fifty_megabytes_are_not_taken) {
  for (bool const stream : {true, false}) {
    auto const fault = fault_of(R"({"fault":"huge","bytes":50000000})", stream);
    EXPECT_EQ(fault.type, "too_large");
    EXPECT_FALSE(fault.retryable);
  }
  for (auto const& contact : contacts_) EXPECT_LT(contact.bytes_received, 40'000'000U);
}

TEST_F(ModelClientTest, a_server_that_hangs_is_left_when_its_time_is_over) {
  options_.limits.first_token = 50ms;
  EXPECT_EQ(fault_of(R"({"fault":"hang"})").type, "timed_out");
  auto const pings = fault_of(R"({"fault":"pings"})");
  EXPECT_EQ(pings.type, "timed_out");
  EXPECT_THAT(pings.message, HasSubstr("first token")) << "signs of life are no tokens";
  options_.limits.first_token = 1h;
  options_.limits.between_tokens = 50ms;
  auto const stalls = fault_of(R"({"fault":"hang_after","events":3})");
  EXPECT_EQ(stalls.type, "timed_out");
  EXPECT_THAT(stalls.message, HasSubstr("next token"));
  EXPECT_TRUE(stalls.retryable);
  options_.limits.between_tokens = 1h;
  options_.limits.total = 50ms;
  EXPECT_EQ(fault_of(R"({"fault":"hang_after","events":3})").type, "timed_out");
}

TEST_F(ModelClientTest, a_stop_in_mid_answer_closes_the_connection) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  options_.on_delta = [&](AnswerDelta const&) { stop.request_stop(); };
  // The server waits for the client to close.
  EXPECT_EQ(fault_of(R"({"fault":"hang_after","events":3})").type, "cancelled");
}

TEST_F(ModelClientTest, a_server_that_dies_in_mid_answer_or_is_not_there_is_reported) {
  EXPECT_EQ(fault_of(R"({"fault":"die","events":3})").type, "cut_off");
  server_.kill();
  EXPECT_EQ(ask("hello").answer.error().type, "unreachable");
}

TEST_F(ModelClientTest, what_the_guard_forbids_is_not_contacted) {
  ModelCall call;
  auto const called =
      ModelClient(*http_).call({.url = "http://169.254.169.254/v1"}, call, options_);
  EXPECT_EQ(called.answer.error().type, "denied");
  EXPECT_FALSE(called.answer.error().retryable);
}

}  // namespace
}  // namespace dalsegno::activities
