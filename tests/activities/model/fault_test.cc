#include "activities/model/fault.h"

#include "activities/http/retry_after.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace dalsegno::activities {
namespace {

using namespace std::chrono_literals;

/// 1994-11-06 08:49:00 UTC.
Time now() { return Time(std::chrono::sys_days(std::chrono::year(1994) / 11 / 6)) + 8h + 49min; }

std::optional<std::chrono::milliseconds> asked(std::string_view value) {
  return http::retry_after(value, "", now());
}

TEST(RetryAfter, reads_seconds_and_the_three_forms_of_a_date) {
  EXPECT_EQ(asked("0"), 0ms);
  EXPECT_EQ(asked(" 120 "), 120s);
  EXPECT_EQ(asked("1.5"), 1'500ms);
  EXPECT_EQ(asked("Sun, 06 Nov 1994 08:49:37 GMT"), 37s);
  EXPECT_EQ(asked("Sunday, 06-Nov-94 08:49:37 GMT"), 37s);
  EXPECT_EQ(asked("Sun Nov  6 08:49:37 1994"), 37s);
}

TEST(RetryAfter, a_date_that_has_passed_is_now_and_nothing_is_longer_than_a_day) {
  EXPECT_EQ(asked("Sun, 06 Nov 1994 08:00:00 GMT"), 0ms);
  EXPECT_EQ(asked("Fri, 31 Dec 1999 23:59:59 GMT"), 24h);
  EXPECT_EQ(asked("99999999999999999999"), 24h);
}

TEST(RetryAfter, what_cannot_be_read_is_nothing) {
  for (std::string const text : {"",
                                 "soon",
                                 "-1",
                                 "1e3",
                                 "nan",
                                 "12 s",
                                 "Sun, 31 Feb 1994 08:49:37 GMT",
                                 "Sun, 06 Nov 1994 25:49:37 GMT",
                                 "Sun, 06 Nov 1994 08:49:37",
                                 "Sun, 06 Nov 1994 08:49:37 CET"})
    EXPECT_EQ(asked(text), std::nullopt) << text;
}

TEST(RetryAfter, milliseconds_count_for_more) {
  EXPECT_EQ(http::retry_after("7", "250", now()), 250ms);
  EXPECT_EQ(http::retry_after("7", "x", now()), 7s);
}

RC_GTEST_PROP(RetryAfterProperty, any_text_is_a_delay_within_a_day_or_nothing, ()) {
  auto const text = *rc::gen::container<std::string>(rc::gen::oneOf(
      rc::gen::elementOf(std::string("0123456789:,- GMTSunNov")), rc::gen::arbitrary<char>()));
  auto const delay = asked(text);
  RC_ASSERT(bool(!delay || (*delay >= 0ms && *delay <= 24h)));
}

struct Said {
  unsigned status;
  std::string body;
  std::string type;
  bool retryable;
};

TEST(ModelFault, has_a_type_and_a_retry_rule_for_each_status_and_code) {
  std::vector<Said> const all = {
      {400, R"({"error":{"message":"bad"}})", "bad_request", false},
      {401, R"({"error":{"message":"no"}})", "unauthorized", false},
      {402, "{}", "quota_exhausted", false},
      {403, "{}", "forbidden", false},
      {404,
       R"({"success":false,"errors":[{"code":3042,"message":"gone"}]})",
       "model_not_found",
       false},
      {408, R"({"errors":[{"code":3007,"message":"slow"}]})", "request_timeout", true},
      {409, "{}", "conflict", true},
      {413, R"({"errors":[{"code":3006,"message":"big"}]})", "prompt_too_large", false},
      {422, R"({"detail":"not so"})", "bad_request", false},
      {429, R"({"error":{"type":"rate_limit_error"}})", "rate_limited", true},
      {429, R"({"errors":[{"code":3040,"message":"Capacity"}]})", "overloaded", true},
      {429, R"({"error":{"message":"rejectIfBusy","code":3040}})", "overloaded", true},
      {429, R"({"errors":[{"code":3036,"message":"daily limit"}]})", "quota_exhausted", false},
      {429, R"({"error":{"code":"insufficient_quota"}})", "quota_exhausted", false},
      {400, R"({"error":{"code":"context_length_exceeded"}})", "prompt_too_large", false},
      {400,
       R"({"error":{"code":400,"message":"exceeds","type":"exceed_context_size_error"}})",
       "prompt_too_large",
       false},
      {500, "", "server_error", true},
      {502, "<html>Bad Gateway</html>", "server_error", true},
      {503,
       R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})",
       "overloaded",
       true},
      {529,
       R"({"type":"error","error":{"type":"overloaded_error","message":"x"}})",
       "overloaded",
       true},
      {302, "", "unexpected_status", false},
  };
  for (auto const& [status, body, type, retryable] : all) {
    auto const fault = fault_of_status(status, {{"Retry-After", "3"}}, body, now());
    EXPECT_EQ(fault.type, type) << body;
    EXPECT_EQ(fault.retryable, retryable) << body;
    EXPECT_EQ(fault.status, status);
    EXPECT_EQ(fault.retry_after.has_value(), retryable) << body;
    EXPECT_TRUE(fault.message.starts_with("status ")) << fault.message;
  }
}

TEST(ModelFault, the_server_may_say_itself_whether_to_try_again) {
  EXPECT_FALSE(fault_of_status(500, {{"x-should-retry", "false"}}, "", now()).retryable);
  EXPECT_TRUE(fault_of_status(400, {{"X-Should-Retry", "true"}}, "", now()).retryable);
}

TEST(ModelFault, says_what_the_server_said_whatever_its_shape) {
  EXPECT_EQ(read_error(R"({"error":"model is loading"})").message, "model is loading");
  EXPECT_EQ(read_error(R"({"message":"flat"})").message, "flat");
  EXPECT_EQ(read_error(R"({"error":{"message":"m","type":"t","code":7}})").code, "7");
  EXPECT_EQ(read_error("").message, "an empty answer");
  EXPECT_EQ(read_error("<html>\n\xff</html>").message,
            "an answer that is no JSON: <html> \xEF\xBF\xBD</html>");
  EXPECT_EQ(read_error(R"(["odd"])").message, R"(["odd"])");
  EXPECT_LT(read_error("{\"error\":\"" + std::string(100'000, 'x') + "\"}").message.size(), 1'010U);
}

TEST(ModelFault, an_error_within_an_answer_is_read_by_its_type) {
  auto const overloaded = fault_of_error({.message = "m", .type = "overloaded_error", .code = ""});
  EXPECT_EQ(overloaded.type, "overloaded");
  EXPECT_EQ(overloaded.message, "within the answer: overloaded_error: m");
  EXPECT_EQ(fault_of_error({.message = "", .type = "", .code = "429"}).type, "rate_limited");
  EXPECT_EQ(fault_of_error({.message = "", .type = "", .code = ""}).type, "server_error");
  EXPECT_FALSE(
      fault_of_error({.message = "", .type = "invalid_request_error", .code = ""}).retryable);
}

}  // namespace
}  // namespace dalsegno::activities
