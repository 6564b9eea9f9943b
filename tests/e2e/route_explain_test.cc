// `dalsegno route explain`: which model a request goes to, and why to no other.

#include "dalsegno/json.h"
#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;

class RouteExplain : public testing::Test {
 protected:
  RouteExplain() {
    write("dalsegno.toml", R"(
[endpoints.here]
url = "http://127.0.0.1:8000/v1"
model = "m"
[models.small]
endpoints = ["here"]
tier = 1
[models.large]
endpoints = ["here"]
tier = 2
[prices.small]
input = 1
output = 2
[prices.large]
input = 10
output = 20
[routes.desk]
models = ["small", "large"]
floors = { money = 2 }
)");
    write("request.json", R"({"text": "Pay them.", "risk": "money", "prompt_tokens": 1000})");
  }

  void write(std::string const& name, std::string const& text) const {
    std::ofstream(folder_.path() / name) << text;
  }
  [[nodiscard]] Ran explain(std::vector<std::string> const& more = {}) const {
    std::vector<std::string> arguments = {"route",
                                          "explain",
                                          (folder_.path() / "request.json").string(),
                                          "--config",
                                          (folder_.path() / "dalsegno.toml").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return dalsegno(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(RouteExplain, prints_the_model_and_a_reason_for_every_other) {
  auto const ran = explain();
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("large (first)\n"));
  EXPECT_THAT(ran.out, HasSubstr("small\t1\t"));
  EXPECT_THAT(ran.out, HasSubstr("\tbelow_risk_floor\n"));
}

TEST_F(RouteExplain, prints_a_decision_as_json) {
  auto const ran = explain({"--json"});
  auto const line = parse_json(ran.out);
  ASSERT_TRUE(line) << ran.out << ran.err;
  EXPECT_EQ(line->text("schema"), "dalsegno.route");
  EXPECT_EQ(line->text("model"), "large");
  ASSERT_EQ(line->find("candidates")->as_array()->size(), 2U);
}

TEST_F(RouteExplain, ends_with_1_when_no_model_is_left) {
  write("request.json", R"({"risk": "money", "unhealthy": ["large"]})");
  EXPECT_EQ(explain().code, 1);
}

TEST_F(RouteExplain, says_what_cannot_be_read) {
  EXPECT_THAT(explain({"--route", "dask"}).err, HasSubstr("did you mean desk?"));
  write("request.json", R"({"txet": ""})");
  auto const ran = explain();
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("request.json: line 1, column 2: "));
}

}  // namespace
}  // namespace dalsegno::test
