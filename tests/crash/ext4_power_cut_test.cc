// A real file system that loses its power: ext4 on a loop device, told by FS_IOC_SHUTDOWN to forget
// everything that has not reached the disk. Needs root and a loop device.

#include "tests/storage/rocksdb/store_script.h"
#include "tests/support/forked_cases.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <numeric>
#include <random>
#include <string>

#include <fcntl.h>
#include <linux/ioctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::storage::test {
namespace {

namespace fs = std::filesystem;

// From the kernel's ext4.h and xfs_fs.h; not in its headers for programs.
constexpr unsigned long fs_ioc_shutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t without_flushing_the_log = 2;

bool runs(std::string const& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// An ext4 image under `folder`, mounted at `folder`/disk.
class Disk {
 public:
  explicit Disk(fs::path const& folder) : image_(folder / "image"), mount_point_(folder / "disk") {}
  Disk(Disk const&) = delete;
  Disk& operator=(Disk const&) = delete;
  ~Disk() { unmount(); }

  bool format() {
    fs::create_directories(mount_point_);
    return runs("truncate -s 256M " + image_.string()) &&
           runs("mkfs.ext4 -q -F " + image_.string());
  }
  bool mount() {
    mounted_ = runs("mount -o loop " + image_.string() + " " + mount_point_.string());
    return mounted_;
  }
  void unmount() {
    if (mounted_) mounted_ = umount2(mount_point_.c_str(), 0) != 0;
  }
  bool cut_power() const {
    auto const handle = open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto how = without_flushing_the_log;
    bool const done = handle >= 0 && ioctl(handle, fs_ioc_shutdown, &how) == 0;
    if (handle >= 0) close(handle);
    return done;
  }
  [[nodiscard]] fs::path const& path() const { return mount_point_; }

 private:
  fs::path image_;
  fs::path mount_point_;
  bool mounted_ = false;
};

std::uint32_t total(Acknowledged const& acknowledged) {
  return std::accumulate(acknowledged.begin(), acknowledged.end(), 0U);
}

TEST(Ext4PowerCut, loses_nothing_that_was_acknowledged) {
  if (geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  WorkFolder folder;
  Disk disk(folder.path());
  if (!disk.format()) GTEST_SKIP() << "no mkfs.ext4 here";
  if (!disk.mount()) GTEST_SKIP() << "no loop device can be mounted here";

  auto const* const given = std::getenv("DALSEGNO_SEED");
  auto const seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("DALSEGNO_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  auto* const memory = mmap(
      nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const acknowledged = new (memory) Acknowledged{};
  std::uint64_t all = 0;
  int const cycles = full_run() ? 300 : 12;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    *acknowledged = {};
    auto const store = disk.path() / "store";
    fs::remove_all(store);
    auto const child_seed = random();
    auto const target = random() % 400;
    auto const child = fork();
    if (child == 0) {
      StoreScript script(store, nullptr);
      script.watermark_sync = std::chrono::milliseconds(5);
      script.on_acknowledged = [&](Acknowledged const& now) { *acknowledged = now; };
      std::fprintf(stderr, "%s\n", script.run_on(child_seed).detail.c_str());
      // An error is what a cut looks like from inside. Wait for the kill: closing would write.
      for (;;) pause();
    }
    int status = 0;
    while (total(*acknowledged) < target && waitpid(child, &status, WNOHANG) == 0) sched_yield();
    auto const before =
        *acknowledged;  // what is acknowledged after this line may be cut off or not
    ASSERT_TRUE(disk.cut_power());
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    disk.unmount();
    ASSERT_TRUE(disk.mount());
    all += total(before);
    auto const judged =
        dalsegno::test::run_forked({0}, [&](std::size_t) { return to_text(judge(store, before)); });
    EXPECT_EQ(judged.front().report, "complete") << "cycle " << cycle << ", seed " << seed;
  }
  munmap(memory, sizeof(Acknowledged));
  std::printf(
      "%d power cuts, %llu steps acknowledged\n", cycles, static_cast<unsigned long long>(all));
}

}  // namespace
}  // namespace dalsegno::storage::test
