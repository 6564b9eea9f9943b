#include "activities/model/price_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dalsegno::activities {
namespace {

using testing::HasSubstr;

constexpr std::string_view example = R"({"dalsegno_prices":1,"version":"v7","date":"2026-08-31",
  "providers":[
    {"id":"maker","models":[
      {"id":"large","names":["large-*","old-large"],"rates":[
        {"input":2,"cached":0.2,"cache_write":2.5,"output":10,"output_image":40,"request":0.01,
         "above":[{"input_tokens":1000,"input":4,"output":15}]},
        {"from":"2026-09-01","input":3,"output":12}]},
      {"id":"dated","names":["dated-####"],"rates":[{"input":1,"output":1}]},
      {"id":"night","names":["night"],"rates":[
        {"input":1,"output":1},{"daily":["08:00","20:00"],"input":2,"output":2}]}]},
    {"id":"reseller","fallback":["maker"],"models":[
      {"id":"own","names":["*own*"],"rates":[{"input":9,"output":9}]}]}]})";

class Prices : public ::testing::Test {
 protected:
  Result<Cost> cost(std::string_view provider, std::string_view model, Usage const& usage) {
    return table_.cost(provider, model, usage, at_);
  }

  PriceTable table_ = *PriceTable::parse(example);
  Time at_ = table_.date();
};

TEST_F(Prices, each_kind_of_token_has_its_price_and_the_cost_names_the_table) {
  auto const paid = cost("maker",
                         "Large-2",
                         {.input = 1'000,
                          .cached = 500,
                          .cache_write = 100,
                          .output = 200,
                          .reasoning = 50,
                          .output_image = 100});
  ASSERT_TRUE(paid) << paid.error().detail;
  EXPECT_DOUBLE_EQ(paid->input, (400 * 2 + 500 * 0.2 + 100 * 2.5) / 1e6);
  EXPECT_DOUBLE_EQ(paid->output, (100 * 10 + 100 * 40) / 1e6);
  EXPECT_DOUBLE_EQ(paid->total(), paid->input + paid->output + 0.01);
  EXPECT_EQ(paid->version, "v7");
}

TEST_F(Prices, a_longer_prompt_has_other_prices_for_all_of_its_tokens) {
  auto const paid = cost("maker", "old-large", {.input = 1'001, .cached = 1, .output = 10});
  EXPECT_DOUBLE_EQ(paid->input, (1'000 * 4 + 0.2) / 1e6);
  EXPECT_DOUBLE_EQ(paid->output, 10 * 15 / 1e6);
}

TEST_F(Prices, change_on_their_day_and_by_the_time_of_day) {
  at_ = table_.date() + std::chrono::hours(24) - std::chrono::microseconds(1);
  EXPECT_DOUBLE_EQ(cost("maker", "large-1", {.input = 1'000'000})->input, 4);
  at_ += std::chrono::microseconds(1);
  EXPECT_DOUBLE_EQ(cost("maker", "large-1", {.input = 1'000'000})->input, 3);
  EXPECT_DOUBLE_EQ(cost("maker", "night", {.input = 1'000'000})->input, 1);
  at_ += std::chrono::hours(8);
  EXPECT_DOUBLE_EQ(cost("maker", "night", {.input = 1'000'000})->input, 2);
}

TEST_F(Prices, names_are_patterns_of_a_whole_name) {
  EXPECT_TRUE(cost("maker", "dated-2026", {}));
  EXPECT_FALSE(cost("maker", "dated-20260", {}));
  EXPECT_FALSE(cost("maker", "dated-abcd", {}));
  EXPECT_TRUE(cost("reseller", "the-own-one", {}));
  EXPECT_FALSE(cost("maker", "very-old-large", {}));
}

TEST_F(Prices, a_reseller_falls_back_on_the_maker) {
  EXPECT_DOUBLE_EQ(cost("reseller", "large-1", {.input = 1'000'000})->input, 4);
}

TEST_F(Prices, what_is_not_in_the_table_has_no_price) {
  EXPECT_EQ(cost("nobody", "large-1", {}).error().code, Errc::not_found);
  EXPECT_THAT(cost("maker", "small", {}).error().detail, HasSubstr("no model \"small\""));
}

TEST(PriceTable, refuses_a_bad_file_and_says_where) {
  auto const refused = [](std::string from, std::string const& part, std::string const& by) {
    auto const at = from.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    auto const table = PriceTable::parse(from.replace(at, part.size(), by));
    return table ? "" : table.error().detail;
  };
  std::string const good(example);
  EXPECT_THAT(refused(good, "\"dalsegno_prices\":1", "\"dalsegno_prices\":2"),
              HasSubstr("\"dalsegno_prices\" is not 1"));
  EXPECT_THAT(refused(good, "2026-08-31", "2026-02-30"), HasSubstr("is no day"));
  EXPECT_THAT(refused(good, "2026-09-01", "soon"),
              HasSubstr("model \"large\": \"soon\" is no day"));
  EXPECT_THAT(refused(good, "\"input\":9", "\"input\":-9"),
              HasSubstr("provider \"reseller\", model \"own\": \"input\" is no price"));
  EXPECT_THAT(refused(good, "08:00", "8"), HasSubstr("is no time of day"));
  EXPECT_THAT(refused(good, "\"fallback\":[\"maker\"]", "\"fallback\":[\"nobody\"]"),
              HasSubstr("no such fallback: nobody"));
  EXPECT_THAT(refused(good, "\"id\":\"reseller\"", "\"id\":\"maker\""), HasSubstr("there twice"));
  EXPECT_THAT(refused(good, "]", ""), HasSubstr("prices: line"));
}

TEST(PriceTable, ours_is_read_and_has_a_version_and_a_date) {
  auto const& table = builtin_prices();
  EXPECT_FALSE(table.version().empty());
  EXPECT_GT(table.date(), Time());
  auto const paid =
      table.cost("cloudflare", "@cf/moonshotai/kimi-k2.5", {.input = 1'000'000}, table.date());
  ASSERT_TRUE(paid) << paid.error().detail;
  EXPECT_DOUBLE_EQ(paid->input, 0.6);
}

}  // namespace
}  // namespace dalsegno::activities
