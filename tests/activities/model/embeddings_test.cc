#include "activities/model/embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dalsegno::activities {
namespace {

using model::EmbeddingsEncoding;
using model::EmbeddingsRequest;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Embeddings, asks_for_texts_dimensions_and_encoding) {
  EXPECT_EQ(write_embeddings_request("m", {{"a", "b"}, {}}, EmbeddingsEncoding::floats),
            R"({"model":"m","input":["a","b"],"encoding_format":"float"})");
  EXPECT_EQ(write_embeddings_request("m", {{"a"}, 8}, EmbeddingsEncoding::base64),
            R"({"model":"m","input":["a"],"dimensions":8,"encoding_format":"base64"})");
}

TEST(Embeddings, reads_numbers_and_base64_as_the_same_vectors_in_the_order_of_the_texts) {
  EmbeddingsRequest const request{{"a", "b"}, {}};
  // 0.1 and -1 as bytes: cd cc cc 3d, 00 00 80 bf.
  auto const answer = read_embeddings_answer(
      R"({"data":[{"index":1,"embedding":"zczMPQAAgL8="},{"index":0,"embedding":[0.1,-1]}],)"
      R"("model":"m-1","usage":{"prompt_tokens":8,"total_tokens":8}})",
      request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(answer->vectors, ElementsAre(ElementsAre(0.1, -1.0), ElementsAre(0.1, -1.0)));
  EXPECT_EQ(answer->model, "m-1");
  ASSERT_TRUE(answer->usage);
  EXPECT_EQ(answer->usage->input, 8U);
  EXPECT_EQ(answer->usage->output, 0U);
}

std::string fault_for(std::string const& body, EmbeddingsRequest const& request = {{"a"}, {}}) {
  auto const answer = read_embeddings_answer(body, request);
  return answer ? "accepted" : answer.error().type;
}

TEST(Embeddings, refuses_an_answer_whose_vectors_are_not_those_of_the_texts) {
  for (auto const* const body : {"",
                                 "7",
                                 "{}",
                                 R"({"data":{}})",
                                 R"({"data":[]})",
                                 R"({"data":[7]})",
                                 R"({"data":[{"embedding":[]}]})",
                                 R"({"data":[{"embedding":["x"]}]})",
                                 R"({"data":[{"embedding":[1e39]}]})",
                                 R"({"data":[{"embedding":"zcz"}]})",
                                 R"({"data":[{"embedding":"!"}]})",
                                 R"({"data":[{"embedding":"AADAfw=="}]})",
                                 R"({"data":[{"index":1,"embedding":[1]}]})",
                                 R"({"data":[{"embedding":[1]},{}]})",
                                 "\xff\xfe"})
    EXPECT_EQ(fault_for(body), "malformed_answer") << body;
  EmbeddingsRequest const two{{"a", "b"}, {}};
  EXPECT_EQ(fault_for(R"({"data":[{"embedding":[1]},{"embedding":[1,2]}]})", two),
            "malformed_answer");
  EXPECT_EQ(fault_for(R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]})", two),
            "malformed_answer");
  EXPECT_EQ(fault_for(R"({"data":[{"embedding":[1,2]}]})", {{"a"}, 3}), "malformed_answer");
  EXPECT_EQ(fault_for(R"({"error":{"type":"rate_limit_error","message":"no"}})"), "rate_limited");
  EXPECT_EQ(fault_for(R"({"data":[{"embedding":[1]}]})"), "accepted") << "without an index";
}

}  // namespace
}  // namespace dalsegno::activities
