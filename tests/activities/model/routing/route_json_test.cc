#include "activities/model/routing/route_json.h"

#include <gtest/gtest.h>

#include <string>

namespace dalsegno::activities {
namespace {

std::string refusal(std::string_view json) {
  auto const request = parse_route_request(json);
  return request ? "accepted" : request.error().detail;
}

TEST(RouteRequest, is_read_from_json) {
  auto const request = parse_route_request(R"({"text": "hi", "prompt_tokens": 7, "risk": "money",
      "budget_usd": 0.5, "unhealthy": ["a"], "turn": 3})")
                           .value();
  EXPECT_EQ(request.text, "hi");
  EXPECT_EQ(request.prompt_tokens, 7U);
  EXPECT_EQ(request.risk, Risk::money);
  EXPECT_EQ(request.budget_usd, 0.5);
  EXPECT_EQ(request.unhealthy, std::vector<std::string>{"a"});
  EXPECT_EQ(request.turn, 3U);
  EXPECT_FALSE(request.deadline_seconds);
}

TEST(RouteRequest, that_is_wrong_is_refused_with_its_place) {
  EXPECT_EQ(refusal(R"({"txet": "hi"})"),
            "line 1, column 2: there is no member of a request with this name; did you mean "
            "\"text\"?");
  EXPECT_EQ(refusal("{\n \"turn\": -1}"),
            "line 2, column 10: \"turn\" is no whole number from 0 to 4294967295");
  EXPECT_EQ(refusal(R"({"turn": 1.5})"),
            "line 1, column 10: \"turn\" is no whole number from 0 to 4294967295");
  EXPECT_EQ(refusal(R"({"risk": "high"})"),
            "line 1, column 10: \"risk\" is none of read, write, destructive, money, external");
  EXPECT_EQ(refusal(R"({"budget_usd": -1})"),
            "line 1, column 16: \"budget_usd\" is no number from 0");
  EXPECT_EQ(refusal("[]"), "line 1, column 1: a request is an object");
}

TEST(RouteDecision, is_written_with_every_rejected_model_and_its_reason) {
  RouteRules const rules{.name = "desk",
                         .candidates = {{.name = "small"}, {.name = "large", .tier = 1}},
                         .floors = {{Risk::money, 1}}};
  auto const json = to_json_value(
      decide_route(rules, builtin_complexity(), {.text = "pay", .risk = Risk::money}));
  EXPECT_EQ(json.text("model"), "large");
  EXPECT_EQ(json.text("binding"), "first");
  EXPECT_EQ(json.text("rules"), "desk");
  auto const& candidates = *json.find("candidates")->as_array();
  ASSERT_EQ(candidates.size(), 2U);
  EXPECT_EQ(candidates[0].text("rejected"), "below_risk_floor");
  EXPECT_EQ(candidates[1].find("rejected"), nullptr);
}

}  // namespace
}  // namespace dalsegno::activities
