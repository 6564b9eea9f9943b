// Fails the n-th call to the file system, for every n, and then asks on a whole disk whether
// everything acknowledged is there (SQLite's loop). Debian's RocksDB has live assertions: where the
// process aborts, the store must be whole after it.

#include "tests/storage/rocksdb/store_script.h"
#include "tests/support/fault_fs.h"
#include "tests/support/forked_cases.h"

#include <gtest/gtest.h>

#include <map>
#include <new>
#include <string>
#include <utility>

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

// RocksDB waits a second after each failed flush or compaction. Nothing here depends on that.
extern "C" int usleep(useconds_t /*microseconds*/) { return sched_yield(); }

namespace dalsegno::storage::test {
namespace {

using dalsegno::test::CaseOutcome;
using dalsegno::test::Fault;
using dalsegno::test::FaultFs;
using dalsegno::test::FaultPlan;
using dalsegno::test::Lasting;
using dalsegno::test::run_forked;

/// Memory that a child's last words reach the parent through, however the child ends.
template <class T>
class Shared {
 public:
  Shared() : value_(new(map()) T{}) {}
  Shared(Shared const&) = delete;
  Shared& operator=(Shared const&) = delete;
  ~Shared() { munmap(value_, sizeof(T)); }
  T& operator*() const { return *value_; }

 private:
  static void* map() {
    return mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  }
  T* value_;
};

struct Kind {
  Fault fault;
  Lasting lasting;
  char const* name;
};
constexpr Kind kinds[] = {
    {Fault::io_error, Lasting::once, "EIO once"},
    {Fault::io_error, Lasting::from_there_on, "EIO from there on"},
    {Fault::no_space, Lasting::once, "ENOSPC once"},
    {Fault::no_space, Lasting::from_there_on, "ENOSPC from there on"},
    {Fault::short_write, Lasting::once, "short write once"},
    {Fault::short_write, Lasting::from_there_on, "short writes from there on"},
};
// With these, reading fails with an error of a disk that is full or writes half: not what disks do.
unsigned calls_of(Fault fault) {
  using namespace dalsegno::test;
  switch (fault) {
    case Fault::io_error:
      return io_all;
    case Fault::no_space:
      return io_write | io_sync | io_create | io_rename;
    case Fault::short_write:
      return io_write;
  }
  return 0;
}

std::uint64_t count_calls(unsigned calls) {
  WorkFolder folder;
  Shared<std::uint64_t> count;
  auto const outcomes = run_forked({0}, [&](std::size_t) {
    auto const files = std::make_shared<FaultFs>();
    files->fail({.call = ~std::uint64_t{0}, .kinds = calls});
    auto const ran = StoreScript(folder.path() / "store", files).run();
    *count = files->calls();
    return ran ? std::string() : ran.error().detail;
  });
  EXPECT_EQ(outcomes.front().report, "");
  return *count;
}

TEST(FailNth, keeps_everything_acknowledged_whichever_call_fails) {
  struct Case {
    FaultPlan plan;
    std::string name;
  };
  std::vector<Case> cases;
  for (auto const& kind : kinds) {
    auto const calls = calls_of(kind.fault);
    auto const count = count_calls(calls);
    ASSERT_GT(count, 100U);
    for (std::uint64_t call = 1; call <= count; ++call) {
      cases.push_back({{.call = call, .kinds = calls, .fault = kind.fault, .lasting = kind.lasting},
                       std::string(kind.name) + " at call " + std::to_string(call)});
    }
  }
  WorkFolder folder;
  Shared<Acknowledged> acknowledged;
  auto const store = folder.path() / "store";
  std::size_t failed = 0;
  std::size_t aborted = 0;
  for (auto const number : choose_cases(cases.size(), 200)) {
    auto const& one = cases[number];
    std::filesystem::remove_all(store);
    *acknowledged = {};
    auto const outcome = run_forked({number}, [&](std::size_t) {
      auto const files = std::make_shared<FaultFs>();
      files->fail(one.plan);
      StoreScript script(store, files);
      script.on_acknowledged = [&](Acknowledged const& now) { *acknowledged = now; };
      auto const ran = script.run();
      return ran ? std::string()
                 : std::string(name_of(ran.error().code)) + ": " + ran.error().detail;
    });
    failed += outcome.front().report.empty() ? 0 : 1;
    aborted += outcome.front().died ? 1 : 0;
    auto const judged =
        run_forked({number}, [&](std::size_t) { return to_text(judge(store, *acknowledged)); });
    EXPECT_FALSE(judged.front().died) << one.name << "\n" << judged.front().report;
    EXPECT_EQ(judged.front().report, "complete")
        << one.name << "\nthe run ended with: " << outcome.front().report;
    // Only RocksDB's own assertions may end the process.
    if (outcome.front().died) {
      EXPECT_NE(outcome.front().report.find("signal 6"), std::string::npos)
          << one.name << "\n"
          << outcome.front().report;
    }
  }
  std::printf("%zu runs saw the error, RocksDB aborted in %zu\n", failed, aborted);
}

}  // namespace
}  // namespace dalsegno::storage::test
