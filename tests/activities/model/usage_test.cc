#include "activities/model/usage.h"

#include "tests/support/json_gen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace dalsegno::activities {
namespace {

Usage read(std::string_view text) {
  auto const usage = read_usage(*parse_json(text));
  EXPECT_TRUE(usage) << text << ": " << usage.error().detail;
  return usage.value_or(Usage());
}

std::string refused(std::string_view text) {
  auto const usage = read_usage(*parse_json(text));
  return usage ? "" : usage.error().detail;
}

TEST(Usage, cached_tokens_of_openai_lie_inside_the_prompt) {
  Usage const expected{.input = 100, .cached = 80, .cache_write = 5, .output = 30, .reasoning = 20};
  EXPECT_EQ(read(R"({"usage":{"prompt_tokens":100,"completion_tokens":30,
                   "prompt_tokens_details":{"cached_tokens":80,"cache_write_tokens":5},
                   "completion_tokens_details":{"reasoning_tokens":20},"total_tokens":130}})"),
            expected);
  EXPECT_EQ(read(R"({"type":"response.completed","response":{"usage":{"input_tokens":100,
                   "input_tokens_details":{"cached_tokens":80,"cache_write_tokens":5},
                   "output_tokens":30,"output_tokens_details":{"reasoning_tokens":20}}}})"),
            expected);
}

TEST(Usage, cached_tokens_of_anthropic_and_bedrock_lie_outside_the_input) {
  Usage const expected{.input = 1'532, .cached = 1'111, .cache_write = 418, .output = 33};
  EXPECT_EQ(read(R"({"usage":{"input_tokens":3,"cache_read_input_tokens":1111,
                   "cache_creation_input_tokens":418,"output_tokens":33}})"),
            expected);
  EXPECT_EQ(read(R"({"type":"message_start","message":{"usage":{"input_tokens":3,
                   "cache_read_input_tokens":1111,"cache_creation_input_tokens":418,
                   "output_tokens":33}}})"),
            expected);
  EXPECT_EQ(read(R"({"usage":{"inputTokens":3,"cacheReadInputTokens":1111,
                   "cacheReadInputTokenCount":1111,"cacheWriteInputTokens":418,
                   "outputTokens":33,"totalTokens":1565}})"),
            expected);
}

TEST(Usage, thoughts_and_tool_prompts_of_gemini_are_added) {
  Usage const expected{.input = 120, .cached = 40, .output = 17, .reasoning = 7, .output_image = 4};
  EXPECT_EQ(read(R"({"usageMetadata":{"promptTokenCount":100,"toolUsePromptTokenCount":20,
                   "cachedContentTokenCount":40,"candidatesTokenCount":10,"thoughtsTokenCount":7,
                   "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":4}]}})"),
            expected);
}

TEST(Usage, other_spellings_of_cached_tokens_are_found) {
  for (auto const* const spelling : {"num_cached_tokens",
                                     "cached_tokens",
                                     "prompt_cache_hit_tokens",
                                     "cached_prompt_text_tokens"}) {
    auto const text = std::string(R"({"usage":{"prompt_tokens":70,"completion_tokens":12,")") +
                      spelling + R"(":69}})";
    EXPECT_EQ(read(text), (Usage{.input = 70, .cached = 69, .output = 12})) << spelling;
  }
}

TEST(Usage, reasoning_beside_the_completion_is_added_where_only_that_gives_the_total) {
  EXPECT_EQ(read(R"({"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":22,
                   "completion_tokens_details":{"reasoning_tokens":7}}})")
                .output,
            12U);
}

TEST(Usage, local_servers_are_read) {
  EXPECT_EQ(read(R"({"prompt_eval_count":26,"eval_count":298,"done":true})"),
            (Usage{.input = 26, .output = 298}));
  EXPECT_EQ(read(R"({"timings":{"cache_n":200,"prompt_n":36,"predicted_n":35}})"),
            (Usage{.input = 236, .cached = 200, .output = 35}));
  EXPECT_EQ(read(R"({"usage":{"prompt_tokens":236,"completion_tokens":35},
                   "timings":{"cache_n":200,"prompt_n":36,"predicted_n":35}})"),
            (Usage{.input = 236, .cached = 200, .output = 35}));
  EXPECT_EQ(read(R"({"usage":{"billed_units":{"input_tokens":5,"output_tokens":6},
                   "tokens":{"input_tokens":71,"output_tokens":6}}})"),
            (Usage{.input = 5, .output = 6}));
}

TEST(Usage, null_means_absent) {
  EXPECT_EQ(read(R"({"usage":{"prompt_tokens":448,"completion_tokens":38,
                   "prompt_tokens_details":null,"cached_tokens":null}})"),
            (Usage{.input = 448, .output = 38}));
}

TEST(Usage, what_is_no_count_is_refused_by_name) {
  using testing::HasSubstr;
  EXPECT_THAT(refused(R"({"usage":{"prompt_tokens":-1}})"), HasSubstr("\"prompt_tokens\""));
  EXPECT_THAT(refused(R"({"usage":{"prompt_tokens":1.5}})"), HasSubstr("\"prompt_tokens\""));
  EXPECT_THAT(refused(R"({"usage":{"prompt_tokens":"9"}})"), HasSubstr("it is a string"));
  EXPECT_THAT(refused(R"({"usage":{"output_tokens":1000000000001}})"),
              HasSubstr("\"output_tokens\""));
  EXPECT_THAT(refused(R"({"usage":{"output_tokens":99999999999999999999}})"),
              HasSubstr("\"output_tokens\""));
  EXPECT_THAT(refused(R"({"usage":{"prompt_tokens":1,"cached_tokens":2}})"),
              HasSubstr("2 tokens in the cache of only 1 in the prompt"));
  EXPECT_EQ(read_usage(*parse_json(R"({"choices":[]})")).error().code, Errc::not_found);
}

RC_GTEST_PROP(Usage, any_json_is_read_or_refused_and_parts_are_within_their_whole, ()) {
  static std::vector<std::string> const names{"usage",
                                              "usageMetadata",
                                              "response",
                                              "message",
                                              "meta",
                                              "billed_units",
                                              "timings",
                                              "prompt_tokens",
                                              "completion_tokens",
                                              "input_tokens",
                                              "output_tokens",
                                              "inputTokens",
                                              "cached_tokens",
                                              "cache_read_input_tokens",
                                              "cache_creation_input_tokens",
                                              "prompt_tokens_details",
                                              "completion_tokens_details",
                                              "reasoning_tokens",
                                              "audio_tokens",
                                              "promptTokenCount",
                                              "thoughtsTokenCount",
                                              "candidatesTokensDetails",
                                              "total_tokens",
                                              "cache_n",
                                              "prompt_n"};
  auto const object = [](auto const& members) {
    Json made{Json::Object{}};
    for (auto const& [name, value] : members) made.set(name, value);
    return made;
  };
  auto const members = [&](rc::Gen<Json> values) {
    return rc::gen::map(rc::gen::container<std::vector<std::pair<std::string, Json>>>(
                            rc::gen::pair(rc::gen::elementOf(names), std::move(values))),
                        object);
  };
  auto const count = rc::gen::map(rc::gen::inRange(-1, 50), [](int value) { return Json(value); });
  auto const leaf = rc::gen::weightedOneOf<Json>({{8, count}, {1, rc::gen::arbitrary<Json>()}});
  auto const inner = rc::gen::weightedOneOf<Json>({{3, leaf}, {1, members(leaf)}});
  auto const body =
      *rc::gen::weightedOneOf<Json>({{4, members(inner)}, {1, rc::gen::arbitrary<Json>()}});
  auto const usage = read_usage(body);
  if (!usage) {
    RC_ASSERT(!usage.error().detail.empty());
    return;
  }
  RC_ASSERT(usage->cached + usage->cache_write <= usage->input);
  RC_ASSERT(usage->reasoning <= usage->output);
}

}  // namespace
}  // namespace dalsegno::activities
