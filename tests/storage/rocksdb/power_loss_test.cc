// Cuts the power after every operation on the disk: what was synced must be there, and the store
// must open.

#include "tests/storage/rocksdb/store_script.h"
#include "tests/support/fault_fs.h"
#include "tests/support/forked_cases.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <utility>

namespace dalsegno::storage::test {
namespace {

using dalsegno::test::Cut;
using dalsegno::test::DiskModel;
using dalsegno::test::DiskOperation;
using dalsegno::test::FaultFs;

struct Recording {
  std::string root;
  std::vector<DiskOperation> operations;
  std::vector<std::pair<std::size_t, Acknowledged>> acknowledged;  ///< after so many operations

  [[nodiscard]] Acknowledged at(std::size_t operations_done) const {
    Acknowledged result{};
    for (auto const& [when, what] : acknowledged) {
      if (when <= operations_done) result = what;
    }
    return result;
  }
};

Recording record() {
  WorkFolder const folder;
  Recording recording;
  recording.root = folder.path().string();
  auto const files = std::make_shared<FaultFs>();
  files->start_recording();
  StoreScript script(folder.path() / "store", files);
  script.on_acknowledged = [&](Acknowledged const& now) {
    recording.acknowledged.emplace_back(files->recorded(), now);
  };
  auto const ran = script.run();
  if (!ran) throw std::runtime_error(ran.error().detail);
  recording.operations = files->recording();
  return recording;
}

/// Cuts after `operations`; empty when the store is whole.
std::string cut_after(Recording const& recording,
                      std::size_t operations,
                      Cut cut,
                      std::uint64_t seed) {
  DiskModel disk;
  for (std::size_t i = 0; i < operations; ++i) disk.apply(recording.operations[i]);
  WorkFolder remains;
  disk.write_remains(cut, seed, recording.root, remains.path());
  auto const judgement = judge(remains.path() / "store", recording.at(operations));
  if (judgement.kind == Judgement::Kind::complete) return {};
  return std::string(name_of(cut)) + " after operation " + std::to_string(operations) + " of " +
         std::to_string(recording.operations.size()) + ", seed " + std::to_string(seed) + ": " +
         to_text(judgement);
}

TEST(PowerLoss, loses_nothing_acknowledged_wherever_the_power_is_cut) {
  std::size_t operations = 0;
  {
    // How many there are. Recorded in a child: this process must not have RocksDB's threads when it
    // forks.
    auto const outcome = dalsegno::test::run_forked(
        {0}, [](std::size_t) { return std::to_string(record().operations.size()); });
    ASSERT_FALSE(outcome.front().died) << outcome.front().report;
    operations = std::stoul(outcome.front().report);
  }
  ASSERT_GT(operations, 200U);
  auto const modes = std::size(dalsegno::test::all_cuts);
  auto const outcomes =
      dalsegno::test::run_forked(choose_cases(operations * modes, 500), [&](std::size_t number) {
        static auto const recording = record();
        // Each child records anew; its number of operations may differ a little.
        auto const done = std::min(number / modes, recording.operations.size());
        return cut_after(recording, done, dalsegno::test::all_cuts[number % modes], number);
      });
  for (auto const& outcome : outcomes) {
    EXPECT_FALSE(outcome.died) << "case " << outcome.number << ": " << outcome.report;
    if (!outcome.died) EXPECT_EQ(outcome.report, "");
  }
}

TEST(PowerLoss, is_noticed_by_the_model_when_a_sync_is_missing) {
  // The test of the test: without the syncs of the write-ahead log acknowledged steps must be lost.
  auto const outcome = dalsegno::test::run_forked({0}, [](std::size_t) {
    auto recording = record();
    std::erase_if(recording.operations, [](DiskOperation const& operation) {
      return operation.kind == DiskOperation::Kind::sync && operation.path.ends_with(".log");
    });
    recording.acknowledged = {{0, recording.acknowledged.back().second}};
    return cut_after(recording, recording.operations.size(), Cut::drop_all, 1);
  });
  EXPECT_FALSE(outcome.front().died) << outcome.front().report;
  EXPECT_NE(outcome.front().report, "");
}

}  // namespace
}  // namespace dalsegno::storage::test
