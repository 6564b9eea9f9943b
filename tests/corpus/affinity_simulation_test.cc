#include "tests/corpus/affinity_simulation.h"

#include "tests/corpus/affinity_trace.h"
#include "tests/corpus/lru_cache.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <string>

namespace dalsegno::corpus {
namespace {

using activities::BlockDigest;
using std::chrono::seconds;

std::vector<BlockDigest> blocks(std::initializer_list<std::uint64_t> ids) {
  std::vector<BlockDigest> out;
  for (auto const id : ids) out.push_back(BlockDigest{id});
  return out;
}

TEST(LruCache, counts_the_leading_blocks_and_drops_the_end_of_the_oldest_chain_first) {
  LruCache cache(4);
  EXPECT_EQ(cache.use(blocks({1, 2, 3})), 0U);
  EXPECT_EQ(cache.use(blocks({1, 2, 9})), 2U);
  EXPECT_EQ(cache.size(), 4U);
  EXPECT_EQ(cache.use(blocks({7, 8})), 0U);
  EXPECT_EQ(cache.use(blocks({1, 2, 9})), 2U);
}

/// `count` calls, one a second, of `sessions` that take turns and grow by a block each time.
Trace growing(std::size_t count, std::size_t sessions) {
  Trace trace{.calls = {}, .block_tokens = 1'000};
  for (std::size_t i = 0; i < count; ++i) {
    TraceCall call;
    call.at = seconds(i);
    call.session = call.thread = i % sessions;
    for (std::uint64_t b = 0; b < 4 + i / sessions; ++b)
      call.blocks.push_back(BlockDigest{(call.session << 32U) + b});
    call.input_tokens = call.blocks.size() * 1'000;
    call.output_tokens = 100;
    trace.calls.push_back(std::move(call));
  }
  return trace;
}

std::uint64_t hits(SimulationResult const& result) {
  std::uint64_t sum = 0;
  for (auto const& call : result.calls) sum += call.hit_blocks;
  return sum;
}

SimulationSettings settings(std::string strategy) {
  SimulationSettings chosen;
  chosen.strategy = std::move(strategy);
  chosen.endpoints = 4;
  chosen.capacity = 1'000;
  return chosen;
}

TEST(AffinitySimulation, ours_hits_all_that_one_cache_would_when_nothing_is_in_the_way) {
  auto const trace = growing(100, 7);
  EXPECT_EQ(hits(*simulate(trace, settings("ours"))), hits(*simulate(trace, settings("optimum"))));
  EXPECT_LT(hits(*simulate(trace, settings("round_robin"))),
            hits(*simulate(trace, settings("ours"))));
}

TEST(AffinitySimulation, every_strategy_answers_every_call_though_an_endpoint_is_lost) {
  auto const trace = growing(100, 8);
  for (auto const* const name : {"ours", "round_robin", "random", "session_hash", "least_loaded"}) {
    auto chosen = settings(name);
    chosen.loss = Loss{.endpoint = 1, .from = seconds(30), .to = seconds(50)};
    auto const result = simulate(trace, chosen);
    ASSERT_TRUE(result) << result.error().detail;
    for (std::size_t i = 0; i < trace.calls.size(); ++i) {
      EXPECT_TRUE(result->calls[i].answered) << name << ", call " << i;
      if (i >= 30 && i < 50) EXPECT_NE(result->calls[i].endpoint, 1U) << name << ", call " << i;
    }
  }
}

TEST(AffinitySimulation, equal_settings_give_equal_results) {
  auto const trace = growing(60, 7);
  auto const one = simulate(trace, settings("ours"));
  auto const other = simulate(trace, settings("ours"));
  EXPECT_EQ(one->prefill_tokens, other->prefill_tokens);
  EXPECT_EQ(hits(*one), hits(*other));
}

TEST(AffinitySimulation, refuses_what_makes_no_sense) {
  auto const refused = [](SimulationSettings const& chosen) {
    auto const result = simulate(growing(4, 1), chosen);
    return result ? "" : result.error().detail;
  };
  EXPECT_THAT(refused(settings("best")), testing::HasSubstr("no strategy \"best\""));
  auto chosen = settings("ours");
  chosen.loss = Loss{.endpoint = 4, .from = seconds(1), .to = seconds(2)};
  EXPECT_THAT(refused(chosen), testing::HasSubstr("no endpoint 4"));
  chosen.loss = Loss{.endpoint = 0, .from = seconds(2), .to = seconds(2)};
  EXPECT_THAT(refused(chosen), testing::HasSubstr("comes back"));
  chosen = settings("ours");
  chosen.capacity = 0;
  EXPECT_THAT(refused(chosen), testing::HasSubstr("at least 1 block"));
}

TEST(AffinityTrace, reads_both_formats_and_names_a_bad_row) {
  test::TemporaryFolder const folder;
  auto const read = [&](std::string_view rows) {
    auto const path = folder.path() / "t.jsonl";
    std::ofstream(path) << rows;
    return read_trace(path);
  };
  auto const ids =
      read(R"({"timestamp":27,"input_length":600,"output_length":5,"hash_ids":[0,7]})");
  ASSERT_TRUE(ids) << ids.error().detail;
  EXPECT_EQ(ids->block_tokens, 512U);
  EXPECT_EQ(ids->calls[0].blocks.size(), 2U);
  auto const runs = read(
      R"({"session":"a","agent":"main","at":2.5,"in":200,"out":5,"block_size":64,"family":"f","fam_blocks":1,"blocks":[[1,2],[9,1]]})"
      "\n"
      R"({"session":"b","agent":"main","at":1.5,"in":200,"out":5,"block_size":64,"family":"f","fam_blocks":1,"blocks":[[1,3]]})");
  ASSERT_TRUE(runs) << runs.error().detail;
  EXPECT_EQ(runs->calls[0].at, std::chrono::milliseconds(1'500)) << "by time";
  EXPECT_EQ(runs->calls[0].blocks[0], runs->calls[1].blocks[0]) << "a family's block";
  EXPECT_NE(runs->calls[0].blocks[1], runs->calls[1].blocks[1]) << "a session's own";
  auto const bad =
      read("\n{\"timestamp\":-1,\"input_length\":6,\"output_length\":5,\"hash_ids\":[]}");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, testing::HasSubstr("t.jsonl:2: \"timestamp\""));
}

TEST(AffinityFigures, hold_for_the_conversation_trace) {
  auto const data = test::shared_data("mooncake");
  if (!data) GTEST_SKIP() << "the shared data folder mooncake is not there";
  auto const trace = read_trace(*data);
  ASSERT_TRUE(trace) << trace.error().detail;
  auto chosen = settings("ours");
  chosen.endpoints = 8;
  chosen.capacity = 20'000;
  auto const ours = simulate(*trace, chosen);
  chosen.assumed = 5'000;
  auto const assumed_wrongly = simulate(*trace, chosen);
  chosen.strategy = "optimum";
  auto const optimum = simulate(*trace, chosen);
  EXPECT_GE(static_cast<double>(hits(*ours)), 0.985 * static_cast<double>(hits(*optimum)));
  EXPECT_GE(static_cast<double>(hits(*assumed_wrongly)), 0.98 * static_cast<double>(hits(*ours)));
  auto const& tokens = ours->prefill_tokens;
  auto const sum = std::accumulate(tokens.begin(), tokens.end(), std::uint64_t{0});
  EXPECT_LE(static_cast<double>(*std::ranges::max_element(tokens)) * 8,
            1.08 * static_cast<double>(sum));
}

}  // namespace
}  // namespace dalsegno::corpus
