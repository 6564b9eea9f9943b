// Documents that are refused: conditions, obligations, and attacks on the reader.

#include "engine/policy/policy.h"

#include <gtest/gtest.h>

#include <string>

namespace dalsegno::engine {
namespace {

std::string error_of(std::string_view text) {
  auto const set = PolicySet::parse(text, "desk.json");
  return set ? "" : set.error().detail;
}

/// What is said of a permit with these members; without the place where it does not matter.
std::string refused(std::string const& members) {
  auto const error = error_of(
      R"({"dalsegno_policy": 1, "rules": [{"id": "r", "effect": "permit", "actions": ["*"],)"
      "\n" +
      members + "}]}");
  return error.starts_with("desk.json:2:") ? error.substr(10) : error;
}
std::string when(std::string const& condition) { return refused("\"when\": " + condition); }

TEST(PolicyRefusals, of_conditions) {
  EXPECT_EQ(when("7"), "2:9: a condition must be an object, not a number");
  EXPECT_EQ(
      when("{}"),
      "2:9: the condition is empty; known are all, any, not, attribute, argument, time, counter");
  EXPECT_EQ(when(R"({"atribute": "risk", "eq": "read"})").substr(0, 58),
            "2:10: unknown field \"atribute\"; did you mean \"attribute\"?\n");
  EXPECT_EQ(when(R"({"all": []})"), "2:17: \"all\" is empty");
  EXPECT_EQ(when(R"({"all": {}})"), "2:17: \"all\" must be a list of conditions, not an object");
  EXPECT_EQ(when(R"({"attribute": "risc", "eq": "read"})"),
            "2:23: unknown attribute \"risc\"; did you mean \"risk\"?");
  EXPECT_EQ(when(R"({"attribute": "risk", "eq": "reed"})"),
            "2:37: unknown risk \"reed\"; did you mean \"read\"?");
  EXPECT_EQ(when(R"({"attribute": "risk", "cidr": "10.0.0.0/8"})"),
            "2:31: \"risk\" is a string: \"cidr\" does not apply to it");
  EXPECT_EQ(when(R"({"attribute": "port", "eq": "443"})"),
            "2:37: \"port\" is a number and never equals a string");
  EXPECT_EQ(when(R"({"attribute": "taint", "eq": "web"})"),
            "2:32: \"taint\" is a list of strings: \"eq\" does not apply to it");
  EXPECT_EQ(
      when(R"({"argument": "x", "eq": 1})"),
      "2:22: \"x\" is no JSON pointer of at most 256 bytes: write \"/amount\", \"/items/0/price\"");
  EXPECT_EQ(when(R"({"argument": "/x", "eqq": 1})"),
            "2:28: unknown field \"eqq\"; did you mean \"eq\"?");
  EXPECT_EQ(when(R"({"argument": "/x", "gt": 1, "lt": 2})"),
            "2:28: \"gt\" beside \"lt\": a test has one operator; put two tests into a list under "
            "\"all\"");
  EXPECT_EQ(when(R"({"argument": "/x", "in": []})"),
            "2:34: \"in\" has 0 entries; it must have 1 to 10000");
  EXPECT_EQ(when(R"({"argument": "/x", "between": [2, 1]})"),
            "2:39: \"between\" is empty: its first bound is above its second");
  EXPECT_EQ(when(R"({"argument": "/x", "cidr": "10.0.0.1/8"})").substr(0, 35),
            "2:36: \"10.0.0.1/8\" is no network: w");
  EXPECT_EQ(when(R"({"argument": "/x", "regex": "(a"})"),
            "2:37: the regular expression is refused: missing ): (a");
  EXPECT_EQ(
      when(R"({"any": [{"argument": "/x", "eq": 1}], "all": [{"argument": "/x", "eq": 1}]})"),
      "2:10: \"any\" and \"all\" in one condition; put them into a list under \"all\" or \"any\"");
}

TEST(PolicyRefusals, of_times_and_counters) {
  EXPECT_EQ(when(R"({"time": {}})").substr(0, 35), "2:18: \"time\" names no window; known");
  EXPECT_EQ(when(R"({"time": {"zone": "Europe/Berln", "days": ["mon"]}})"),
            "2:27: unknown zone \"Europe/Berln\"; did you mean \"Europe/Berlin\"? (an offset like "
            "\"+05:30\" will do)");
  EXPECT_EQ(when(R"({"time": {"from": "08:00"}})"), "2:18: \"from\" and \"to\" belong together");
  EXPECT_EQ(when(R"({"time": {"from": "8:00", "to": "25:00"}})"),
            "2:27: \"from\" must be a time of day (\"08:30\"), not \"8:00\"\n"
            "desk.json:2:41: \"to\" must be a time of day (\"08:30\"), not \"25:00\"");
  EXPECT_EQ(when(R"({"counter": {"per": "tennant"}, "below": 1})"),
            "2:29: unknown scope \"tennant\"; did you mean \"tenant\"?");
  EXPECT_EQ(when(R"({"counter": {"per": "tenant", "window": "1 h"}, "below": 0})"),
            "2:49: \"window\" must be a duration (\"90s\", \"15m\", \"24h\", \"7d\"), not \"1 h\"\n"
            "desk.json:2:66: \"below\" must be a whole number of 1 or more");
}

TEST(PolicyRefusals, of_obligations) {
  EXPECT_EQ(refused(R"("obligations": {"require_aproval": {}})"),
            "2:17: unknown obligation \"require_aproval\"; did you mean \"require_approval\"?");
  EXPECT_EQ(refused(R"("obligations": {"require_approval": {"count": 0, "within": "1h"}})"),
            "2:37: \"require_approval\" must say who: \"roles\", \"ids\" or both\n"
            "desk.json:2:47: \"count\" must be a whole number from 1 to 10");
  EXPECT_EQ(refused(R"("obligations": {"log": "loud"})").substr(0, 47),
            "2:24: unknown level \"loud\"; known are info, not");
  EXPECT_EQ(refused(R"("obligations": {"redact": ["email"]})"),
            "2:28: \"email\" is no JSON pointer: write \"/email\"");
  EXPECT_EQ(
      error_of(R"({"dalsegno_policy": 1, "rules": [{"id": "r", "effect": "forbid", "actions": ["*"],
"obligations": {"log": "info"}}]})"),
      "desk.json:2:1: a rule that forbids has no obligations: nobody would act on it");
  EXPECT_EQ(
      refused(R"("expires": "tomorrow")"),
      "2:12: \"expires\" must be a time as RFC 3339 (\"2026-11-23T00:00:00Z\"), not \"tomorrow\"");
}

TEST(PolicyRefusals, of_ten_megabytes) {
  std::string blanks;
  blanks.resize(10'000'000, ' ');
  EXPECT_EQ(error_of(blanks),
            "desk.json:1:1: the document is 10000000 bytes long; at most 4194304 are allowed");
}

TEST(PolicyRefusals, of_a_million_levels_with_their_place) {
  EXPECT_EQ(error_of(std::string(1'000'000, '[')).substr(0, 17), "desk.json:1:513: ");
  std::string text =
      R"({"dalsegno_policy": 1, "rules": [{"id": "r", "effect": "permit", "actions": ["*"], "when": )";
  for (int level = 0; level < 100; ++level) text += R"({"not": )";
  text += R"({"argument": "/x", "eq": 1})" + std::string(100, '}') + "}]}";
  EXPECT_EQ(error_of(text), "desk.json:1:220: conditions are nested deeper than 16");
}

TEST(PolicyRefusals, of_members_that_stand_twice) {
  auto const error = error_of("{\"dalsegno_policy\": 1,\n \"rules\": [], \"rules\": []}");
  EXPECT_EQ(error.find("desk.json:2:15: "), 0U) << error;
}

TEST(PolicyRefusals, of_bombs) {
  EXPECT_NE(when(R"({"argument": "/x", "regex": "((a{100}){100}){100}"})").find("is refused"),
            std::string::npos);
  std::string many = R"({"any": [)";
  for (int i = 0; i < 300; ++i)
    many += std::string(i > 0 ? "," : "") + R"({"argument": "/x", "eq": 1})";
  EXPECT_NE(when(many + "]}").find("the rule has more than 256 conditions"), std::string::npos);
  std::string rules = R"({"dalsegno_policy": 1, "rules": [0)";
  for (int i = 0; i < 20'010; ++i) rules += ",0";
  EXPECT_LT(error_of(rules + "]}").size(), 4'000U);
}

TEST(PolicyRefusals, of_several_files_name_each) {
  PolicySource const sources[] = {
      {R"({"dalsegno_policy": 1, "rules": [{"id": "r", "effect": "permit", "actions": ["*"]}]})",
       "a.json"},
      {R"({"dalsegno_policy": 1, "rules": [{"id": "r", "effect": "permit", "actions": ["*"]}]})",
       "b.json"},
      {"[]", "c.json"}};
  auto const set = PolicySet::parse(sources);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().detail,
            "b.json:1:41: rule id \"r\" is taken: it stands in a.json in line 1 already\n"
            "c.json:1:1: a policy document must be an object, not an array");
}

}  // namespace
}  // namespace dalsegno::engine
