#include "engine/govern/store_policy.h"

#include "engine/govern/operators_policy.h"
#include "tests/engine/govern/govern_fixture.h"

namespace dalsegno::engine::test {
namespace {

std::string rules(std::size_t count) {
  std::string out = R"({"dalsegno_policy": 1, "name": "many", "rules": [)";
  for (std::size_t i = 0; i < count; ++i)
    out += (i == 0 ? "" : ",") + std::string(R"({"id": "r)") + std::to_string(i) +
           R"(", "effect": "permit", "actions": ["tool.call"], "reason": ")" +
           std::string(200, 'x') + R"("})";
  return out + "]}";
}

class StorePolicy : public GovernFixture {};

TEST_F(StorePolicy, of_a_new_store_is_none) {
  auto const policies = read_store_policies(*log_).value();
  EXPECT_FALSE(policies.active);
  EXPECT_TRUE(policies.shadows.empty());
}

TEST_F(StorePolicy, is_the_one_activated_last) {
  activate(rules(1));
  activate(rules(2));
  EXPECT_EQ(read_store_policies(*log_)->active->rules().size(), 2U);
}

TEST_F(StorePolicy, may_have_a_document_larger_than_an_event) {
  auto const document = rules(5'000);
  ASSERT_GT(document.size(), 1'000'000U);
  activate(document);
  auto const policies = read_store_policies(*log_).value();
  EXPECT_EQ(policies.active->digest(), PolicySet::parse(document)->digest());
}

TEST_F(StorePolicy, is_brought_by_a_runtime_only_while_there_are_no_operators) {
  auto const first = PolicySet::parse(rules(1)).value();
  auto const second = PolicySet::parse(rules(2)).value();
  ASSERT_TRUE(activate_at_start(*log_, first, start));
  auto const events = journal().size();
  ASSERT_TRUE(activate_at_start(*log_, first, start));
  EXPECT_EQ(journal().size(), events) << "it was the active one already";
  appoint_two();
  EXPECT_TRUE(activate_at_start(*log_, first, start));
  auto const refused = activate_at_start(*log_, second, start);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
}

TEST_F(StorePolicy, has_the_shadows_that_an_operator_named_last) {
  auto const shadow = PolicySet::parse(rules(3)).value();
  auto name = [&](std::vector<PolicySet> const& shadows) {
    Json::Array digests;
    for (auto const& it : shadows) digests.emplace_back(storage::to_hex(it.digest()));
    Json details;
    details.set(shadow_detail, std::move(digests));
    return operate(*log_,
                   nobody_but("ann"),
                   {.name = "operator.policy",
                    .resource = "many",
                    .reason = "try it",
                    .details = std::move(details),
                    .artifacts = shadow_artifacts(shadows)},
                   start);
  };
  ASSERT_TRUE(name({shadow}));
  auto const policies = read_store_policies(*log_).value();
  ASSERT_EQ(policies.shadows.size(), 1U);
  EXPECT_EQ(policies.shadows.front().digest(), shadow.digest());
  ASSERT_TRUE(name({}));
  EXPECT_TRUE(read_store_policies(*log_)->shadows.empty());
}

TEST_F(StorePolicy, that_is_not_what_was_activated_is_refused) {
  auto activation = activation_of(PolicySet::parse(rules(1)).value());
  activation.event.digest.bytes[0] ^= 1U;
  ASSERT_TRUE(storage::append_to_journal(*log_, {activation.event}, start));
  EXPECT_EQ(read_store_policies(*log_).error().code, Errc::corrupt);
}

TEST(OperatorsPolicy, permits_operators_and_nobody_else) {
  auto decided = [](std::string_view kind, std::string_view action) {
    return operators_policy()
        .decide({.principal = {.kind = kind, .id = "x", .tenant = "_store"},
                 .action = action,
                 .resource = "x"},
                PolicyTime(start))
        .permitted;
  };
  EXPECT_TRUE(decided("operator", "operator.erase"));
  EXPECT_FALSE(decided("workflow", "operator.erase"));
  EXPECT_FALSE(decided("operator", "tool.call"));
}

}  // namespace
}  // namespace dalsegno::engine::test
