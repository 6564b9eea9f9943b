// docs/policy.schema.json says what the reader says: the same members, words and bounds.

#include "dalsegno/json.h"
#include "engine/policy/grammar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>

namespace dalsegno::engine {
namespace {

using Words = std::set<std::string>;

Words words(std::span<std::string_view const> known) { return {known.begin(), known.end()}; }

class PolicySchema : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream in(DALSEGNO_SOURCE "/docs/policy.schema.json", std::ios::binary);
    auto parsed = parse_json(std::string(std::istreambuf_iterator<char>(in), {}));
    ASSERT_TRUE(parsed) << parsed.error().detail;
    schema_ = std::move(*parsed);
  }

  [[nodiscard]] Json const& definition(std::string_view name) const {
    static Json const none;
    auto const* const all = schema_.find("$defs");
    auto const* const found = all == nullptr ? nullptr : all->find(name);
    EXPECT_NE(found, nullptr) << name;
    return found == nullptr ? none : *found;
  }
  [[nodiscard]] Words members(std::string_view name) const {
    Words out;
    auto const& object = definition(name);
    EXPECT_EQ(*object.find("additionalProperties"), Json(false)) << name;
    for (auto const& member : *object.find("properties")->as_object()) out.insert(member.name);
    return out;
  }
  static Words enumerated(Json const& of) {
    Words out;
    for (auto const& word : *of.find("enum")->as_array()) out.insert(*word.as_string());
    return out;
  }
  [[nodiscard]] Json const& property(std::string_view of, std::string_view name) const {
    return *definition(of).find("properties")->find(name);
  }

  Json schema_;
};

TEST_F(PolicySchema, names_the_members_that_the_reader_knows) {
  EXPECT_EQ(members("document"), words(document_fields));
  EXPECT_EQ(members("rule"), words(rule_fields));
  EXPECT_EQ(members("principals"), words(principal_fields));
  EXPECT_EQ(members("time"), words(time_fields));
  EXPECT_EQ(members("counter"), words(counter_fields));
  EXPECT_EQ(members("obligations"), words(obligation_names));
  EXPECT_EQ(members("approval"), words(approval_fields));
  EXPECT_EQ(members("rate"), words(rate_fields));
}

TEST_F(PolicySchema, names_the_conditions_and_operators_that_the_reader_knows) {
  Words conditions;
  for (auto const* const name :
       {"all", "any", "not", "attribute_test", "argument_test", "time_test", "counter_test"}) {
    auto const required = *definition(name).find("required")->as_array();
    conditions.insert(*required.front().as_string());
  }
  EXPECT_EQ(conditions, words(condition_fields));
  for (std::string const subject : {"attribute", "argument"}) {
    auto expected = words(operator_names);
    expected.insert(subject);
    EXPECT_EQ(members(subject + "_test"), expected);
  }
}

TEST_F(PolicySchema, names_the_words_that_the_reader_knows) {
  Words names;
  for (auto const& attribute : attribute_table) names.emplace(attribute.name);
  EXPECT_EQ(enumerated(property("attribute_test", "attribute")), names);
  EXPECT_EQ(enumerated(definition("action_names")), words(action_names));
  EXPECT_EQ(enumerated(definition("risk_names")), words(risk_names));
  EXPECT_EQ(enumerated(property("rule", "effect")), words(effect_names));
  EXPECT_EQ(enumerated(property("counter", "per")), words(scope_names));
  EXPECT_EQ(enumerated(property("obligations", "log")), words(log_levels));
  EXPECT_EQ(enumerated(*property("time", "days").find("items")), words(day_names));
}

TEST_F(PolicySchema, has_the_bounds_that_the_reader_has) {
  auto const bound = [](Json const& of, std::string_view name) {
    return static_cast<std::size_t>(*of.find(name)->as_integer());
  };
  EXPECT_EQ(bound(property("document", "rules"), "maxItems"), max_rules);
  EXPECT_EQ(bound(definition("patterns"), "maxItems"), max_list_entries);
  EXPECT_EQ(bound(*definition("patterns").find("items"), "maxLength"), max_pattern_bytes);
  EXPECT_EQ(bound(definition("text"), "maxLength"), max_text_bytes);
  EXPECT_EQ(bound(definition("pointer"), "maxLength"), max_pointer_bytes);
  EXPECT_EQ(bound(property("argument_test", "regex"), "maxLength"), max_regex_bytes);
}

}  // namespace
}  // namespace dalsegno::engine
