#include "activities/tool/tool_answer.h"

#include "dalsegno/json.h"
#include "tests/support/json_gen.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace dalsegno::tools {
namespace {

std::string content_of(std::string_view result, std::size_t max_bytes = 1'000) {
  auto const answer = read_answer(*parse_json(result), max_bytes);
  return answer ? answer->content : "no answer";
}

TEST(ToolAnswer, gives_texts_one_after_the_other) {
  EXPECT_EQ(content_of(R"({"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})"),
            "a\nb");
  EXPECT_EQ(content_of(R"({"content":[]})"), "");
}

TEST(ToolAnswer, gives_structured_content_in_its_canonical_form) {
  EXPECT_EQ(content_of(
                R"({"content":[{"type":"text","text":"4"}],"structuredContent":{"b":1.0,"a":[]}})"),
            R"({"a":[],"b":1})");
}

TEST(ToolAnswer, gives_the_words_of_an_error) {
  auto const answer = read_answer(
      *parse_json(
          R"({"isError":true,"content":[{"type":"text","text":"no"}],"structuredContent":{"a":1}})"),
      100);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is_error);
  EXPECT_EQ(answer->content, "no");
}

TEST(ToolAnswer, describes_what_is_no_text) {
  EXPECT_EQ(
      content_of(R"({"content":[{"type":"image","data":"//4B","mimeType":"image/png"}]})"),
      R"({"bytes":3,"mimeType":"image/png","sha256_of_base64":)"
      R"("6a9250d5262bb0bf608240bd7b93e904e44390fada437e3530ff7eea1b7345f5","type":"image"})");
  EXPECT_EQ(
      content_of(R"({"content":[{"type":"resource","resource":{"uri":"a:b","text":"words"}}]})"),
      "words");
  EXPECT_EQ(content_of(R"({"content":[{"uri":"a:b","type":"resource_link"}]})"),
            R"({"type":"resource_link","uri":"a:b"})");
}

TEST(ToolAnswer, knows_what_is_no_answer) {
  EXPECT_EQ(content_of("{}"), "no answer");
  EXPECT_EQ(content_of(R"({"content":"text"})"), "no answer");
  EXPECT_EQ(content_of("[]"), "no answer");
}

RC_GTEST_PROP(ToolAnswer, is_text_within_its_bound_whatever_a_server_sends, (Json const& value)) {
  Json result;
  result.set("content", Json::Array{value}).set("structuredContent", value);
  auto const answer = read_answer(result, 50);
  RC_ASSERT(answer.has_value());
  RC_ASSERT(answer->content.size() < 150U);
  Json quoted;
  quoted.set("content", answer->content);
  RC_ASSERT(parse_json(to_string(quoted)).has_value());
}

}  // namespace
}  // namespace dalsegno::tools
