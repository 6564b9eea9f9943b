// Tools that are HTTP services: what leaves for which arguments, and what an answer means.

#include "dalsegno/http_tools.h"

#include "activities/http/dial_plan.h"
#include "activities/tool/http_request.h"
#include "dalsegno/agent.h"
#include "dalsegno/errors.h"
#include "tests/activities/http/far_side.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::tools {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

Json json(std::string_view text) { return *parse_json(text); }

// ---- the request ----

HttpTool order_tool() {
  return {.name = "order",
          .method = "POST",
          .url = "https://api.example.com/shops/{shop}/orders",
          .parameters = json(R"({"type":"object","properties":{"shop":{},"count":{},"dry":{}}})"),
          .places = {{"dry", HttpPlace::query}}};
}

TEST(HttpRequest, puts_arguments_where_they_belong) {
  auto const request =
      request_for(order_tool(), json(R"({"shop":"a b/c","count":2,"dry":[true,"x&y"]})"));
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->url, "https://api.example.com/shops/a%20b%2Fc/orders?dry=true&dry=x%26y");
  EXPECT_EQ(request->body, R"({"count":2})");
  auto get = order_tool();
  get.method = "GET";
  get.places.clear();
  auto const asked = request_for(get, json(R"({"shop":7,"count":2})"));
  EXPECT_EQ(asked->url, "https://api.example.com/shops/7/orders?count=2");
  EXPECT_TRUE(asked->body.empty());
}

TEST(HttpRequest, refuses_arguments_that_lead_elsewhere_or_are_missing) {
  for (auto const* const shop : {R"("..")", R"(".")", R"("")", R"([1])", R"({})"})
    EXPECT_THAT(request_for(order_tool(), json(std::string(R"({"shop":)") + shop + "}")).error(),
                HasSubstr("at /shop: "));
  EXPECT_EQ(request_for(order_tool(), json("{}")).error(), "the argument \"shop\" is missing");
}

RC_GTEST_PROP(HttpRequest, no_argument_changes_the_host_or_the_path_around_it, ()) {
  auto const shop = *rc::gen::string<std::string>();
  Json arguments;
  arguments.set("shop", shop);
  auto tool = order_tool();
  auto const request = request_for(tool, arguments);
  if (!request) return;
  auto const plan = http::DialPlan::parse(request->url);
  if (!plan) return;  // too long
  RC_ASSERT(plan->host() == "api.example.com");
  RC_ASSERT(plan->port() == 443);
  std::string const target(plan->target());
  RC_ASSERT(target.starts_with("/shops/"));
  RC_ASSERT(target.ends_with("/orders"));
  RC_ASSERT(std::ranges::count(target, '/') == 3);
}

// ---- the answer ----

class HttpTools : public testing::Test {
 protected:
  void serve(std::string answer) {
    far_side_ = std::make_unique<http::test::FarSide>([this, answer](http::test::Peer& peer) {
      far_side_->note(peer.read_request());
      peer.write(answer);
    });
    options_.tools = {{.name = "note",
                       .method = "POST",
                       .url = "http://127.0.0.1:" + far_side_->text_port() + "/notes/{id}",
                       .parameters = json(R"({"type":"object","properties":{"id":{"type":"integer"},
                         "text":{"type":"string"}},"required":["id"]})")}};
    options_.secrets = {{"Authorization", "Bearer sk-0123456789"}};
  }
  struct Called {
    std::string content;
    bool is_error = false;
    std::optional<ActivityError> failure;
  };
  Called call(std::string_view arguments) {
    Registry registry;
    auto const added = add_http_tools(registry, options_);
    EXPECT_TRUE(added) << added.error().detail;
    ActivityContext context;
    context.idempotency_key = "default/s/r/1";
    try {
      auto const reply = (*registry.find_tool("note"))(
          context, to_json(agent::ToolRequest{.id = "c1", .arguments = json(arguments)}));
      return {from_json<agent::ToolReply>(reply.payload)->content, reply.is_error, {}};
    } catch (ActivityError const& error) {
      return {{}, false, error};
    }
  }

  HttpToolsOptions options_;
  std::unique_ptr<http::test::FarSide> far_side_;
};

TEST_F(HttpTools, send_what_was_asked_and_give_back_what_came) {
  serve(http::test::reply(R"({ "saved" : true })", "Content-Type: application/json\r\n"));
  auto const called = call(R"({"id":7,"text":"words"})");
  EXPECT_FALSE(called.failure) << called.failure->what();
  EXPECT_EQ(called.content, R"({"saved":true})");
  auto const request = far_side_->requests().at(0);
  EXPECT_THAT(request, HasSubstr("POST /notes/7 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Authorization: Bearer sk-0123456789\r\n"));
  EXPECT_THAT(request, HasSubstr("Idempotency-Key: "));
  EXPECT_THAT(request, HasSubstr("\r\n\r\n{\"text\":\"words\"}"));
}

TEST_F(HttpTools, let_nothing_leave_that_does_not_fit_the_schema) {
  serve(http::test::reply("{}"));
  auto const called = call(R"({"id":"seven"})");
  ASSERT_TRUE(called.failure);
  EXPECT_EQ(called.failure->type(), "invalid_arguments");
  EXPECT_THAT(called.failure->what(), HasSubstr("at /id: expected integer"));
  EXPECT_EQ(far_side_->connections(), 0);
}

TEST_F(HttpTools, give_the_model_what_a_service_refuses) {
  serve(http::test::reply(R"({"why":"no such note"})", "", "404 Not Found"));
  auto const called = call(R"({"id":7})");
  EXPECT_FALSE(called.failure);
  EXPECT_TRUE(called.is_error);
  EXPECT_THAT(called.content, HasSubstr("404"));
  EXPECT_THAT(called.content, HasSubstr("no such note"));
}

TEST_F(HttpTools, fail_where_a_service_does_and_say_whether_it_may_have_been_done) {
  serve(http::test::reply("", "Retry-After: 7\r\n", "429 Too Many Requests"));
  auto called = call(R"({"id":7})");
  ASSERT_TRUE(called.failure);
  EXPECT_EQ(called.failure->type(), "rate_limited");
  EXPECT_EQ(called.failure->retry_after(), 7s);
  EXPECT_FALSE(called.failure->outcome_unknown());
  serve(http::test::reply("", "", "500 Internal Server Error"));
  called = call(R"({"id":7})");
  ASSERT_TRUE(called.failure);
  EXPECT_EQ(called.failure->type(), "server_error");
  EXPECT_TRUE(called.failure->outcome_unknown());
}

TEST_F(HttpTools, reach_no_other_place_than_their_own) {
  serve(http::test::reply("{}"));
  options_.egress = R"({"dalsegno_egress":1,"rules":[]})";
  auto const called = call(R"({"id":7})");
  ASSERT_TRUE(called.failure);
  EXPECT_EQ(called.failure->type(), "denied");
  EXPECT_EQ(far_side_->connections(), 0);
}

TEST_F(HttpTools, with_a_wrong_definition_are_refused_by_name) {
  auto const refusal = [](HttpTool tool) {
    Registry registry;
    HttpToolsOptions options;
    options.tools = {std::move(tool)};
    auto const added = add_http_tools(registry, options);
    return added ? "accepted" : added.error().detail;
  };
  EXPECT_THAT(refusal({.name = "a b", .url = "https://a.example.com/"}),
              HasSubstr("\"a b\": a name"));
  EXPECT_THAT(refusal({.name = "a", .method = "FETCH", .url = "https://a.example.com/"}),
              HasSubstr("its method is none of"));
  EXPECT_THAT(refusal({.name = "a", .url = "https://{host}/x"}), HasSubstr("nowhere else"));
  EXPECT_THAT(refusal({.name = "a", .url = "https://a.example.com/{id}"}),
              HasSubstr("{id} in its URL is none of its parameters"));
  EXPECT_THAT(refusal({.name = "a",
                       .url = "https://a.example.com/",
                       .parameters = json(R"({"type":"nothing"})")}),
              HasSubstr("its parameters: "));
}

TEST_F(HttpTools, let_no_argument_stand_beside_a_header_of_ours) {
  serve("");
  options_.tools[0].places["authorization"] = HttpPlace::header;
  Registry registry;
  auto const added = add_http_tools(registry, options_);
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().detail, HasSubstr("\"authorization\" is a header that is set for all"));
  auto const read = read_openapi(R"({"openapi":"3.0.0","servers":[{"url":"https://a.b"}],
      "paths":{"/x":{"get":{"parameters":[{"name":"Authorization","in":"header"},
                                          {"name":"X-Day","in":"header"}]}}}})");
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->front().places.size(), 1U);
  EXPECT_EQ(read->front().parameters.find("properties")->find("Authorization"), nullptr);
}

TEST_F(HttpTools, tell_redaction_of_their_secrets) {
  serve("");
  auto const secrets = known_secrets(options_);
  ASSERT_EQ(secrets.size(), 2U);
  EXPECT_EQ(secrets[1].value, "sk-0123456789");
}

// ---- OpenAPI ----

constexpr std::string_view shop = R"({
  "openapi": "3.1.0", "servers": [{"url": "https://shop.example.com/v2/"}],
  "paths": {
    "/orders/{id}": {
      "parameters": [{"$ref": "#/components/parameters/id"}],
      "get": {"operationId": "get_order", "summary": "Tells of an order",
              "parameters": [{"name": "fields", "in": "query",
                              "schema": {"type": "array", "items": {"type": "string"}}}]},
      "put": {"operationId": "change.order",
              "requestBody": {"required": true, "content": {"application/json":
                {"schema": {"$ref": "#/components/schemas/Order"}}}}}},
    "/health": {"get": {}}},
  "components": {
    "parameters": {"id": {"name": "id", "in": "path", "required": true,
                          "description": "its number", "schema": {"type": "integer"}}},
    "schemas": {"Order": {"type": "object", "properties": {
                  "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}}},
                "Line": {"type": "object", "required": ["article"]}}}})";

TEST(OpenApi, gives_a_tool_for_each_operation) {
  auto const tools = read_openapi(shop);
  ASSERT_TRUE(tools) << tools.error().detail;
  ASSERT_EQ(tools->size(), 3U);
  auto const& get = (*tools)[0];
  EXPECT_EQ(get.name, "get_order");
  EXPECT_EQ(get.description, "Tells of an order");
  EXPECT_EQ(get.url, "https://shop.example.com/v2/orders/{id}");
  EXPECT_EQ(request_for(get, json(R"({"id":7,"fields":["a","b"]})"))->url,
            "https://shop.example.com/v2/orders/7?fields=a&fields=b");
  auto const& put = (*tools)[1];
  EXPECT_EQ(put.name, "change_order");
  EXPECT_EQ(put.method, "PUT");
  auto const request = request_for(put, json(R"({"id":7,"body":{"lines":[{"article":1}]}})"));
  EXPECT_EQ(request->body, R"({"lines":[{"article":1}]})");
  EXPECT_EQ((*tools)[2].name, "get_health");
  // Its schema stands for itself: the references lead to its own definitions.
  Registry registry;
  HttpToolsOptions options;
  options.tools = *tools;
  auto const offered = add_http_tools(registry, options);
  ASSERT_TRUE(offered) << offered.error().detail;
  EXPECT_THAT(canonical(offered->at(1).parameters), HasSubstr(R"("$ref":"#/$defs/Line")"));
}

TEST(OpenApi, takes_only_what_is_wanted_and_says_what_is_wrong) {
  auto const one = read_openapi(shop, {.prefix = "shop_", .only = {"get_order"}});
  ASSERT_TRUE(one) << one.error().detail;
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ(one->front().name, "shop_get_order");
  EXPECT_THAT(read_openapi(shop, {.only = {"none"}}).error().detail,
              HasSubstr("no operation none"));
  EXPECT_THAT(read_openapi(R"({"swagger":"2.0"})").error().detail, HasSubstr("version 3"));
  EXPECT_THAT(read_openapi(R"({"openapi":"3.0.0","paths":{}})").error().detail,
              HasSubstr("no whole URL"));
  EXPECT_THAT(read_openapi(R"({"openapi":"3.0.0","servers":[{"url":"https://a.b"}],
                "paths":{"/x":{"post":{"requestBody":{"content":{"text/plain":{}}}}}}})")
                  .error()
                  .detail,
              HasSubstr("post/x: its body is no JSON"));
  EXPECT_THAT(read_openapi(R"({"openapi":"3.0.0","servers":[{"url":"https://a.b"}],
                "paths":{"/x":{"get":{"parameters":[{"$ref":"#/nowhere"}]}}}})")
                  .error()
                  .detail,
              HasSubstr("reference leads nowhere"));
}

TEST(OpenApi, follows_no_reference_for_ever) {
  auto const read = read_openapi(R"({"openapi":"3.0.0","servers":[{"url":"https://a.b"}],
      "paths":{"/x":{"get":{"parameters":[{"$ref":"#/components/parameters/a"}]}}},
      "components":{"parameters":{"a":{"$ref":"#/components/parameters/a"}}}})");
  EXPECT_FALSE(read);
  auto const schemas = read_openapi(R"({"openapi":"3.0.0","servers":[{"url":"https://a.b"}],
      "paths":{"/x":{"get":{"parameters":[{"name":"a","in":"query",
        "schema":{"$ref":"#/components/schemas/A"}}]}}},
      "components":{"schemas":{"A":{"$ref":"#/components/schemas/A"}}}})");
  EXPECT_TRUE(schemas) << "a schema may refer to itself";
}

}  // namespace
}  // namespace dalsegno::tools
