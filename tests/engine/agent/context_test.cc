// The parts of a context checkpoint that need no engine: when one is due, what it leaves, what it
// carries.

#include "engine/agent/context.h"

#include "dalsegno/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

Message message(std::string role, std::string content) {
  return {.role = std::move(role),
          .content = std::move(content),
          .tool_calls = {},
          .tool_call_id = {},
          .name = {}};
}

/// What a turn with some calls of tools says.
std::vector<Message> turn_of(std::string user, std::vector<std::string> const& results) {
  std::vector<Message> messages{message("user", std::move(user))};
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto call = message("assistant", "");
    call.tool_calls.push_back({"call_" + std::to_string(i), "look", Json(Json::Object{})});
    messages.push_back(std::move(call));
    auto answer = message("tool", results[i]);
    answer.tool_call_id = "call_" + std::to_string(i);
    answer.name = "look";
    messages.push_back(std::move(answer));
  }
  messages.push_back(message("assistant", "answered"));
  return messages;
}

std::uint64_t size_of(std::vector<Message> const& messages) {
  std::uint64_t bytes = 0;
  for (auto const& each : messages) bytes += bytes_of(each);
  return bytes;
}

/// A conversation as the workflow has it.
struct Talk {
  ContextState context;
  std::optional<std::string> system = "be brief";
  std::uint64_t turns = 0;

  explicit Talk(ContextOptions options) {
    context.options = std::move(options);
    context.bytes = bytes_of(message("system", *system));
  }
  void take(std::vector<Message> const& messages) {
    context.bytes += size_of(messages);
    ++turns;
    note_turn(context, turns, turns * 10, messages);
  }
  /// As the workflow does it.
  std::vector<Message> checkpoint(std::string summary) {
    context.summary = cut_summary(std::move(summary), context.options);
    auto messages = compose_context(context, system, context.summary);
    context.bytes = size_of(messages);
    context.summarized = turns;
    return messages;
  }
};

rc::Gen<std::vector<Message>> any_turn() {
  return rc::gen::map(
      rc::gen::pair(rc::gen::string<std::string>(),
                    rc::gen::container<std::vector<std::string>>(rc::gen::string<std::string>())),
      [](std::pair<std::string, std::vector<std::string>> const& parts) {
        std::string user;
        for (auto const c : parts.first) user += static_cast<char>(c & 0x7f);
        std::vector<std::string> results;
        for (auto const& text : parts.second) {
          results.emplace_back();
          for (int i = 0; i < 40; ++i)
            for (auto const c : text) results.back() += static_cast<char>(c & 0x7f);
        }
        if (results.size() > 5) results.resize(5);
        return turn_of(user, results);
      });
}

RC_GTEST_PROP(Context, after_a_checkpoint_is_within_the_limit, ()) {
  Talk talk({.max_bytes = *rc::gen::inRange<std::uint64_t>(4'096, 40'000),
             .keep_turns = *rc::gen::inRange<std::uint32_t>(0, 4),
             .summarizer = ""});
  auto const turns = *rc::gen::inRange(1, 60);
  std::uint64_t largest_turn = 0;
  for (int i = 0; i < turns; ++i) {
    auto const said = *any_turn();
    largest_turn = std::max(largest_turn, size_of(said));
    talk.take(said);
    // A prompt is beyond it by no more than the turn that took it there.
    RC_ASSERT(talk.context.bytes <= talk.context.options.max_bytes + largest_turn);
    if (!is_summary_due(talk.context, talk.system)) continue;
    auto const before = talk.context.bytes;
    talk.checkpoint(*rc::gen::string<std::string>());
    RC_ASSERT(talk.context.bytes <= talk.context.options.max_bytes);
    RC_ASSERT(talk.context.bytes <= before + talk.context.summary.size());
  }
}

RC_GTEST_PROP(Context, keeps_each_call_together_with_its_results, ()) {
  Talk talk({.max_bytes = 8'192, .keep_turns = 3});
  auto const turns = *rc::gen::inRange(1, 20);
  for (int i = 0; i < turns; ++i) talk.take(*any_turn());
  auto const left = talk.checkpoint("a summary");
  RC_ASSERT(left.front().role == "system");
  std::vector<std::string> open;
  for (std::size_t i = 1; i < left.size(); ++i) {
    if (i == 1) RC_ASSERT(left[i].role == "user");
    for (auto const& call : left[i].tool_calls) open.push_back(call.id);
    if (left[i].role != "tool") continue;
    auto const asked = std::ranges::find(open, left[i].tool_call_id.value());
    RC_ASSERT(asked != open.end());
    open.erase(asked);
  }
  RC_ASSERT(open.empty());
}

RC_GTEST_PROP(Context, carries_what_users_said_verbatim_or_says_where_it_stands, ()) {
  Talk talk({.max_bytes = 8'192, .keep_turns = 1});
  auto const turns = *rc::gen::inRange(2, 80);
  std::vector<std::string> said;
  for (int i = 0; i < turns; ++i) {
    said.push_back("wish " + std::to_string(i) + " " +
                   std::string(*rc::gen::inRange<std::size_t>(0, 300), 'x'));
    talk.take(turn_of(said.back(), {}));
  }
  auto const left = talk.checkpoint("a summary");
  std::string all;
  for (auto const& each : left) all += each.content.value_or("") + "\n";
  for (std::size_t i = 0; i < said.size(); ++i) {
    bool const is_referred = i < talk.context.dropped;
    RC_ASSERT(is_referred || all.contains(said[i] + "\n"));
  }
  if (talk.context.dropped > 0)
    RC_ASSERT(all.contains("turns 1 to " + std::to_string(talk.context.dropped) +
                           ": not repeated, see events 10 to " +
                           std::to_string(talk.context.dropped * 10)));
}

RC_GTEST_PROP(Context, gives_the_same_bytes_for_the_same_turns, ()) {
  Talk one({.max_bytes = 8'192, .keep_turns = 2});
  Talk other = one;
  auto const turns = *rc::gen::inRange(1, 20);
  for (int i = 0; i < turns; ++i) {
    auto const said = *any_turn();
    one.take(said);
    other.take(said);
  }
  // Between them the state went through a checkpoint of the session.
  auto const restored = from_json<ContextState>(to_json(other.context));
  RC_ASSERT(restored);
  other.context = *restored;
  RC_ASSERT(to_json(one.checkpoint("s")) == to_json(other.checkpoint("s")));
}

TEST(Context, is_summarized_at_a_turn_count_only_if_that_pays) {
  Talk small({.every_turns = 2, .keep_turns = 1});
  for (int i = 0; i < 20; ++i) small.take(turn_of("hi", {}));
  EXPECT_FALSE(is_summary_due(small.context, small.system)) << "there is nothing to save";
  Talk large({.every_turns = 2, .keep_turns = 1});
  large.take(turn_of("hi", {std::string(60'000, 'x')}));
  EXPECT_FALSE(is_summary_due(large.context, large.system)) << "only one turn";
  large.take(turn_of("and", {}));
  EXPECT_TRUE(is_summary_due(large.context, large.system));
  large.context.options.calls_ahead = 0;
  EXPECT_FALSE(is_summary_due(large.context, large.system)) << "nobody would read it";
  large.context.options.calls_ahead = 8;
  large.context.options.cached_share = 0;
  EXPECT_FALSE(is_summary_due(large.context, large.system)) << "a warm prefix is free";
}

TEST(Context, is_summarized_at_its_size_unless_that_leaves_no_less) {
  Talk talk({.max_bytes = 8'192, .keep_turns = 1});
  talk.take(turn_of("hi", {std::string(9'000, 'x')}));
  EXPECT_TRUE(is_summary_due(talk.context, talk.system));
  talk.checkpoint("short");
  EXPECT_FALSE(is_summary_due(talk.context, talk.system)) << "no turn is new";
  talk.system = std::string(20'000, 's');
  talk.context.bytes = 20'010;
  talk.take(turn_of("hi", {}));
  EXPECT_FALSE(is_summary_due(talk.context, talk.system)) << "the system message alone is larger";
}

TEST(Context, without_a_summarizer_tells_of_each_turn_what_was_asked_done_and_answered) {
  Talk talk({.every_turns = 1, .keep_turns = 0});
  talk.take(turn_of("what is the weather", {"sunny"}));
  talk.take(turn_of("delete all", {to_json(Denial{.reason = "not yours", .rules = {"r"}})}));
  auto const text = structural_summary(talk.context);
  EXPECT_EQ(text,
            "turn 1: asked: what is the weather; tools: look; answered: answered\n"
            "turn 2: asked: delete all; tools: look: denied by policy; answered: answered");
  auto const left = talk.checkpoint("a summary");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_THAT(*left[0].content, HasSubstr("turn 2: delete all (look: denied by policy)\n"))
      << "what was denied is carried, whatever the summary says";
  EXPECT_THAT(*left[0].content, HasSubstr("be brief\n\n[Summary of the conversation so far]\na "));
  talk.take(turn_of("thanks", {}));
  EXPECT_EQ(structural_summary(talk.context),
            "a summary\nturn 3: asked: thanks; answered: answered");
}

TEST(Context, cuts_no_character_of_a_summary_in_two) {
  ContextOptions const options{.max_bytes = 4'096};
  std::string text = "x";
  while (text.size() < 3'000) text += "ä";
  auto const cut = cut_summary(text, options);
  EXPECT_LE(cut.size(), 1'024U);
  EXPECT_TRUE(cut.starts_with("ä"));
}

}  // namespace
}  // namespace dalsegno::agent
