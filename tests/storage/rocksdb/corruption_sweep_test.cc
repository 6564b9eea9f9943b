// Flips each byte, cuts each file at each length, removes each file, of a store that was closed and
// of one that was killed. Each case must end as complete, as refused with an error, or as detected
// by reading: never as a silent loss or change, never as a crash (but for one assertion of
// RocksDB's own, see below).

#include "tests/storage/rocksdb/store_script.h"
#include "tests/support/forked_cases.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>

namespace dalsegno::storage::test {
namespace {

namespace fs = std::filesystem;

enum class Damage : std::uint8_t { flip, cut, remove };

struct Case {
  Damage damage;
  fs::path base;
  fs::path file;  ///< relative to base
  std::uintmax_t at = 0;
};

std::string to_text(Case const& one) {
  constexpr char const* names[] = {"flip", "cut", "remove"};
  return one.base.filename().string() + " " + names[static_cast<int>(one.damage)] + " " +
         one.file.string() + " at " + std::to_string(one.at);
}

void inflict(Case const& one, fs::path const& store) {
  auto const path = store / one.file;
  switch (one.damage) {
    case Damage::flip: {
      std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
      file.seekg(static_cast<std::streamoff>(one.at));
      auto const byte = static_cast<char>(file.get() ^ (1 << (one.at % 8)));
      file.seekp(static_cast<std::streamoff>(one.at));
      file.put(byte);
      break;
    }
    case Damage::cut:
      fs::resize_file(path, one.at);
      break;
    case Damage::remove:
      fs::remove(path);
      break;
  }
}

std::vector<Case> cases_of(fs::path const& base) {
  std::vector<Case> cases;
  for (auto const& entry : fs::recursive_directory_iterator(base)) {
    if (!entry.is_regular_file()) continue;
    auto const file = fs::relative(entry.path(), base);
    auto const name = file.filename().string();
    if (name.starts_with("LOG") || name == "LOCK") continue;  // nobody reads them
    cases.push_back({Damage::remove, base, file});
    for (std::uintmax_t at = 0; at < entry.file_size(); ++at) {
      cases.push_back({Damage::flip, base, file, at});
      cases.push_back({Damage::cut, base, file, at});
    }
  }
  return cases;
}

/// Two copies of the script's store under `folder`: "closed", and "killed" (copied while it was
/// open).
Acknowledged make_bases(fs::path const& folder) {
  Acknowledged acknowledged{};
  auto const outcome = dalsegno::test::run_forked({0}, [&](std::size_t) {
    StoreScript closed(folder / "closed", nullptr);
    auto const ran = closed.run();
    StoreScript open(folder / "open", nullptr);
    auto const ran_too = open.run(StoreScript::Ending::leave_open);
    if (!ran || !ran_too) return std::string("the script failed");
    fs::copy(folder / "open", folder / "killed", fs::copy_options::recursive);
    std::string report;
    for (auto const steps : closed.acknowledged()) report += std::to_string(steps) + " ";
    return report;
  });
  std::istringstream numbers(outcome.front().report);
  for (auto& steps : acknowledged) EXPECT_TRUE(numbers >> steps) << outcome.front().report;
  fs::remove_all(folder / "open");
  return acknowledged;
}

/// RocksDB 7.8 reads the properties block of a table file before it verifies its checksum. One bit
/// there (the highest of the block's count of restarts) makes it take the block for one with a hash
/// index, and Debian's build, with live assertions, stops the process: before anything was written,
/// and with nothing lost, but without our having a say.
bool aborts_by_itself(std::string const& report) {
  return report.starts_with("signal 6") &&
         report.find("data_block_hash_index.cc") != std::string::npos &&
         report.find("`num_buckets_ > 0'") != std::string::npos;
}

TEST(CorruptionSweep, is_refused_or_detected_or_harmless_wherever_the_store_is_damaged) {
  WorkFolder folder;
  auto const acknowledged = make_bases(folder.path());
  auto cases = cases_of(folder.path() / "closed");
  auto const killed = cases_of(folder.path() / "killed");
  cases.insert(cases.end(), killed.begin(), killed.end());

  // The sample takes every removal and the small files more often than their size says.
  std::vector<std::size_t> chosen;
  std::map<std::string, std::vector<std::size_t>> by_file;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].damage == Damage::remove) {
      chosen.push_back(i);
    } else {
      by_file[(cases[i].base / cases[i].file).string()].push_back(i);
    }
  }
  for (auto const& [file, numbers] : by_file) {
    for (auto const i : choose_cases(numbers.size(), 14)) chosen.push_back(numbers[i]);
  }

  auto const outcomes = dalsegno::test::run_forked(chosen, [&](std::size_t number) {
    auto const store = folder.path() / "work";
    fs::remove_all(store);
    fs::copy(cases[number].base, store, fs::copy_options::recursive);
    inflict(cases[number], store);
    return to_text(judge(store, acknowledged));
  });
  std::map<std::string, std::size_t> counts;
  for (auto const& outcome : outcomes) {
    auto const what = to_text(cases[outcome.number]);
    if (outcome.died && aborts_by_itself(outcome.report)) {
      ++counts["aborted by RocksDB"];
      continue;
    }
    EXPECT_FALSE(outcome.died) << what << ": " << outcome.report;
    if (outcome.died) continue;
    auto const kind = outcome.report.substr(0, outcome.report.find(' '));
    ++counts[kind];
    EXPECT_NE(kind, "WRONG") << what << ": " << outcome.report;
  }
  for (auto const& [kind, count] : counts) std::printf("%s: %zu\n", kind.c_str(), count);
}

}  // namespace
}  // namespace dalsegno::storage::test
