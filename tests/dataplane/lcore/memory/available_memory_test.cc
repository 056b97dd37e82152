// What a process may still take, as a machine and its control groups say it.
#include "dataplane/lcore/memory/available_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace warp::lcore {
namespace {

constexpr uint64_t kMib = 1024 * 1024;

class AvailableMemoryTest : public testing::Test {
 protected:
  AvailableMemoryTest() {
    std::string name = testing::TempDir() + "available_memory_XXXXXX";
    root_ = mkdtemp(name.data());
    Write("proc/meminfo", "MemTotal: 8192000 kB\nMemAvailable: 4096000 kB\nCached: 1 kB\n");
  }
  ~AvailableMemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  void WriteMib(const std::string& file, uint64_t mib) { Write(file, std::to_string(mib * kMib)); }
  uint64_t Mib() const { return AvailableMemory(root_) / kMib; }

  std::filesystem::path root_;
};

TEST_F(AvailableMemoryTest, AMachineWithoutLimitsSaysWhatItHas) {
  EXPECT_EQ(Mib(), 4000u);
  Write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(Mib(), 4000u);
  Write("proc/self/cgroup", "nonsense\n0\n0:\n\n");
  EXPECT_EQ(Mib(), 4000u);
  Write("proc/meminfo", "");
  EXPECT_EQ(AvailableMemory(root_), UINT64_MAX);
}

// A container sees its own group as the topmost.
TEST_F(AvailableMemoryTest, AContainerHasWhatItsGroupHasLeft) {
  Write("proc/self/cgroup", "0::/\n");
  WriteMib("sys/fs/cgroup/memory.max", 512);
  WriteMib("sys/fs/cgroup/memory.current", 400);
  EXPECT_EQ(Mib(), 112u);
  Write("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file " + std::to_string(50 * kMib) + "\n");
  EXPECT_EQ(Mib(), 162u);
  WriteMib("sys/fs/cgroup/memory.high", 450);
  EXPECT_EQ(Mib(), 100u);
  WriteMib("sys/fs/cgroup/memory.current", 600);
  EXPECT_EQ(Mib(), 0u);
}

// A service and its slice both limit it.
TEST_F(AvailableMemoryTest, TheTightestOfAllGroupsCounts) {
  Write("proc/self/cgroup", "0::/system.slice/warpd.service\n");
  Write("sys/fs/cgroup/system.slice/warpd.service/memory.max", "max\n");
  WriteMib("sys/fs/cgroup/system.slice/warpd.service/memory.current", 100);
  EXPECT_EQ(Mib(), 4000u);
  WriteMib("sys/fs/cgroup/system.slice/memory.max", 1000);
  WriteMib("sys/fs/cgroup/system.slice/memory.current", 300);
  EXPECT_EQ(Mib(), 700u);
  WriteMib("sys/fs/cgroup/system.slice/warpd.service/memory.max", 300);
  EXPECT_EQ(Mib(), 200u);
}

TEST_F(AvailableMemoryTest, GroupsOfTheFirstVersionCountToo) {
  Write("proc/self/cgroup", "5:cpu,memory:/docker/1\n1:name=systemd:/docker/1\n");
  WriteMib("sys/fs/cgroup/memory/memory.limit_in_bytes", 256);
  WriteMib("sys/fs/cgroup/memory/memory.usage_in_bytes", 200);
  Write("sys/fs/cgroup/memory/memory.stat",
        "inactive_file 1\ntotal_inactive_file " + std::to_string(20 * kMib) + "\n");
  EXPECT_EQ(Mib(), 76u);
}

TEST(AvailableMemoryOfThisMachineTest, ThereIsSome) { EXPECT_GT(AvailableMemory(), 0u); }

}  // namespace
}  // namespace warp::lcore
