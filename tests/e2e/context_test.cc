// Recorded conversations in one session of hundreds of turns whose old turns give way to summaries:
// prompts stay within the limit, their beginnings stay the same between two summaries, and every
// answer can be explained back to the turns that a summary stands for.

#include "engine/agent/context.h"

#include "activities/model/client/conversation_log.h"
#include "activities/model/transcript.h"
#include "dalsegno/dalsegno.h"
#include "storage/event/digest.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tools/dalsegno/forensics/explain.h"
#include "tools/dalsegno/forensics/policy_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno {
namespace {

using activities::PromptMessage;
using testing::HasSubstr;

constexpr char const* permit_all = R"({"dalsegno_policy":1,"rules":[
  {"id":"calls","effect":"permit","actions":["model.call","tool.call"]}]})";

SessionId const session{.name = "long"};

/// One turn of a recorded conversation.
struct RecordedTurn {
  std::string user;
  std::deque<agent::ModelReply> replies;
  std::map<std::string, std::string> results;  // by the call's id
};

/// What the far sides say: the model its recorded replies, tools their recorded results; and what
/// the model was given. Thread: any.
class FarSides {
 public:
  explicit FarSides(std::vector<RecordedTurn> turns) : turns_(std::move(turns)) {}

  ActivityReply model(ActivityContext const& context,
                      activities::ConversationLog& log,
                      std::string_view input) {
    auto const request = from_json<agent::ModelRequest>(input).value();
    auto const prompt =
        log.prompt(context.session, context.run, context.operation, request).value().messages;
    std::lock_guard const lock(mutex_);
    bool const is_summary =
        prompt.back().message.content == std::string(agent::summary_instruction());
    std::uint64_t bytes = 0;
    for (auto const& each : prompt) bytes += agent::bytes_of(each.message);
    largest = std::max(largest, is_summary ? 0 : bytes);
    if (is_summary) {
      ++summaries;
      if (summaries % 4 == 0)
        throw ActivityError("overloaded", "no summary today", ActivityError::Retry::forbidden);
      return reply({.content = "summary " + std::to_string(summaries) + " of " +
                               std::to_string(prompt.size() - 1) + " messages",
                    .tool_calls = {}});
    }
    look_at_prefix(prompt);
    auto& replies = turns_.at(turn).replies;
    auto said = replies.empty() ? agent::ModelReply{.content = "well", .tool_calls = {}}
                                : std::move(replies.front());
    if (!replies.empty()) replies.pop_front();
    return reply(said);
  }

  ActivityReply tool(std::string_view input) {
    auto const request = from_json<agent::ToolRequest>(input).value();
    std::lock_guard const lock(mutex_);
    return {.payload = to_json(agent::ToolReply{.content = turns_.at(turn).results[request.id]})};
  }

  std::atomic<std::size_t> turn = 0;
  // Read when nobody calls.
  std::uint64_t largest = 0;
  std::size_t summaries = 0;
  std::size_t beginnings = 0;  // conversations with another prefix than the one before
  std::size_t calls = 0;

 private:
  static ActivityReply reply(agent::ModelReply const& said) {
    return {.payload = to_json(said), .model = "recorded", .finish = "stop"};
  }

  /// A prompt begins with the whole of the one before it, byte for byte; or with a new summary.
  void look_at_prefix(std::vector<PromptMessage> const& prompt) {
    ++calls;
    std::vector<std::string> bytes;
    for (auto const& each : prompt) bytes.push_back(to_json(each.message));
    bool const goes_on =
        bytes.size() > last_.size() && std::equal(last_.begin(), last_.end(), bytes.begin());
    if (!goes_on) {
      ++beginnings;
      if (beginnings > 1)
        EXPECT_THAT(bytes.front(), HasSubstr("[Summary of the conversation so far]"));
    }
    last_ = std::move(bytes);
  }

  std::mutex mutex_;
  std::vector<RecordedTurn> turns_;
  std::vector<std::string> last_;
};

/// The conversations of a file, one after the other.
std::vector<RecordedTurn> read_turns(std::filesystem::path const& file, std::size_t most) {
  std::vector<RecordedTurn> turns;
  auto reader = activities::TranscriptReader::open(file).value();
  while (auto transcript = reader.next()) {
    if (!*transcript) continue;
    for (auto const& message : (*transcript)->messages) {
      auto const prefix = std::to_string(turns.size()) + "-";
      if (message.role == "user") {
        if (turns.size() == most) return turns;
        turns.push_back({.user = message.content.value_or(""), .replies = {}, .results = {}});
      } else if (message.role == "assistant" && !turns.empty()) {
        agent::ModelReply reply{.content = message.content, .tool_calls = {}};
        for (auto const& call : message.tool_calls)
          reply.tool_calls.push_back({prefix + call.id, call.name, call.arguments});
        turns.back().replies.push_back(std::move(reply));
      } else if (message.role == "tool" && !turns.empty()) {
        turns.back().results[prefix + message.tool_call_id] = message.content.value_or("");
      }
    }
    // The next conversation begins where this one's last turn has its answer.
    if (!turns.empty() &&
        (turns.back().replies.empty() || !turns.back().replies.back().tool_calls.empty()))
      turns.back().replies.push_back({.content = "done", .tool_calls = {}});
  }
  return turns;
}

std::unique_ptr<Runtime> start(std::filesystem::path const& folder,
                               FarSides& far_sides,
                               std::vector<RecordedTurn> const& turns) {
  auto store = Store::open(folder);
  EXPECT_TRUE(store) << store.error().detail;
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  auto const log = std::make_shared<activities::ConversationLog>(store->log());
  registry.add_model("*", [log, &far_sides](ActivityContext const& context, std::string_view in) {
    return far_sides.model(context, *log, in);
  });
  for (auto const& turn : turns)
    for (auto const& reply : turn.replies)
      for (auto const& call : reply.tool_calls)
        registry.add_tool(call.name, [&far_sides](ActivityContext const&, std::string_view in) {
          return far_sides.tool(in);
        });
  auto runtime = Runtime::start(std::move(*store), std::move(registry), {.policy = permit_all});
  EXPECT_TRUE(runtime) << runtime.error().detail;
  return std::move(*runtime);
}

TEST(LongConversation, stays_within_its_limit_with_stable_prefixes_and_whole_explanations) {
  auto const data = test::shared_data("taubench");
  if (!data) GTEST_SKIP() << "the public test data is not there";
  auto const turns = read_turns(*data / "gpt-4o-airline.tasks0-27.jsonl", 400);
  ASSERT_EQ(turns.size(), 400U);
  FarSides far_sides(turns);
  test::TemporaryFolder const folder;
  auto const store_folder = folder.path() / "data";

  agent::AgentState state;
  state.system = "You are the agent of an airline.";
  state.context.emplace().options = {.max_bytes = 60'000, .keep_turns = 2};
  auto runtime = start(store_folder, far_sides, turns);
  ASSERT_TRUE(runtime->start_session(session, "agent", state));
  std::uint64_t largest_turn = 0;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    far_sides.turn = i;
    if (i == 150 || i == 301) {  // another process goes on
      runtime.reset();
      runtime = start(store_folder, far_sides, turns);
    }
    auto const answer = runtime->ask<std::string>(
        session, "turn", agent::Turn{.content = turns[i].user}, "turn-" + std::to_string(i));
    ASSERT_TRUE(answer) << "turn " << i << ": " << answer.error().detail;
    std::uint64_t bytes = turns[i].user.size();
    for (auto const& [id, result] : turns[i].results) bytes += result.size() + id.size() + 40;
    for (auto const& reply : turns[i].replies) bytes += to_json(reply).size();
    largest_turn = std::max(largest_turn, bytes);
  }
  runtime.reset();

  EXPECT_GT(far_sides.summaries, 5U);
  EXPECT_LE(far_sides.largest, 60'000 + largest_turn) << "no more than one turn beyond the limit";
  EXPECT_LE(far_sides.beginnings, far_sides.summaries + 1)
      << "only a summary begins another prefix";

  // Every answer, with the summary that stood for its old turns.
  auto const store = Store::open(store_folder);
  ASSERT_TRUE(store) << store.error().detail;
  auto const head = store->log().head(session).value();
  auto const history = forensics::read_history(store->log(), session, *head).value();
  ASSERT_FALSE(history.broken) << history.broken->detail;
  auto const policies = forensics::PolicyBook::read(store->log()).value();
  auto const answers = forensics::explainable(history);
  ASSERT_EQ(answers.size(), turns.size());
  std::size_t with_summary = 0;
  std::size_t without_model = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto const explained = forensics::explain(store->log(), history, policies, answers[i]).value();
    EXPECT_TRUE(explained.whole()) << "answer " << i + 1 << ": " << explained.broken.front();
    if (!explained.context) continue;
    ++with_summary;
    auto const& context = *explained.context;
    EXPECT_EQ(context.first_turn, 1U);
    EXPECT_LE(context.last_turn, i) << "it stands for turns before this one";
    EXPECT_LT(context.last_event, context.sequence);
    if (context.made_by == "structure") {
      ++without_model;
    } else {
      EXPECT_EQ(explained.calls.front().operation, context.operation) << "its call is explained";
    }
  }
  EXPECT_GT(with_summary, 300U);
  EXPECT_GT(without_model, 0U) << "some summaries failed, and the conversation went on";
  RecordProperty("largest_prompt_bytes", static_cast<int>(far_sides.largest));
  std::printf("400 turns, %zu calls, %zu summaries; the largest prompt had %llu bytes\n",
              far_sides.calls,
              far_sides.summaries,
              static_cast<unsigned long long>(far_sides.largest));
}

}  // namespace
}  // namespace dalsegno
