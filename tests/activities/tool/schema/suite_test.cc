// The required tests of the JSON-Schema-Test-Suite: all but those that need something fetched.

#include "activities/tool/schema/schema.h"
#include "dalsegno/json.h"
#include "tests/support/shared_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace dalsegno::schema {
namespace {

struct Score {
  std::size_t passed = 0;
  std::vector<std::string> failed;
  std::vector<std::string> remote;  ///< groups whose schema refers to another document
};

Score run_suite(std::filesystem::path const& folder, Draft draft) {
  Score score;
  std::vector<std::filesystem::path> files;
  for (auto const& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  std::ranges::sort(files);
  for (auto const& file : files) {
    auto const groups = parse_json(test::read_bytes(file));
    if (!groups) {
      score.failed.push_back(file.filename().string() + ": " + groups.error().detail);
      continue;
    }
    for (auto const& group : *groups->as_array()) {
      auto const name = file.stem().string() + ": " + std::string(group.text("description"));
      if (group.find("schema")->text("$schema").starts_with("http://localhost")) {
        score.remote.push_back(name + ": its dialect is described elsewhere");
        continue;
      }
      auto const schema = Schema::read(*group.find("schema"), draft);
      if (!schema) {
        bool const is_remote = schema.error().detail.contains("none is fetched");
        (is_remote ? score.remote : score.failed).push_back(name + ": " + schema.error().detail);
        continue;
      }
      for (auto const& test : *group.find("tests")->as_array()) {
        auto const verdict = schema->check(*test.find("data"));
        if (verdict.fits() == *test.find("valid")->as_bool() && !verdict.is_cut_short)
          ++score.passed;
        else
          score.failed.push_back(name + ": " + std::string(test.text("description")) + ": " +
                                 to_string(verdict));
      }
    }
  }
  return score;
}

std::string lines(std::vector<std::string> const& texts) {
  std::string out;
  for (auto const& text : texts) out += "  " + text + "\n";
  return out;
}

TEST(SchemaSuite, draft_2020_12_passes_but_for_remote_references) {
  auto const folder = test::shared_data("json-schema");
  if (!folder) GTEST_SKIP() << "there is no shared data";
  auto const score = run_suite(*folder / "draft2020-12", Draft::draft2020_12);
  EXPECT_TRUE(score.failed.empty()) << lines(score.failed);
  EXPECT_EQ(score.passed, 1246U);
  EXPECT_EQ(score.remote.size(), 24U) << lines(score.remote);
}

TEST(SchemaSuite, draft_7_passes_but_for_remote_references) {
  auto const folder = test::shared_data("json-schema");
  if (!folder) GTEST_SKIP() << "there is no shared data";
  auto const score = run_suite(*folder / "draft7", Draft::draft7);
  EXPECT_TRUE(score.failed.empty()) << lines(score.failed);
  EXPECT_EQ(score.passed, 900U);
  EXPECT_EQ(score.remote.size(), 13U) << lines(score.remote);
}

}  // namespace
}  // namespace dalsegno::schema
