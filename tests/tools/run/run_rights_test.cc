#include "tools/run/run_rights.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

namespace warp::tools {
namespace {

// A process that has changed something of its own, and lives as long as this object.
class Changed {
 public:
  explicit Changed(const std::function<bool()>& change) {
    std::array<int, 2> done;
    EXPECT_EQ(pipe2(done.data(), O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const char ok = change() ? 'y' : 'n';
      (void)!write(done[1], &ok, 1);
      pause();
      _exit(0);
    }
    close(done[1]);
    char ok = 'n';
    EXPECT_EQ(read(done[0], &ok, 1), 1);
    close(done[0]);
    changed_ = ok == 'y';
  }
  ~Changed() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Changed(const Changed&) = delete;
  Changed& operator=(const Changed&) = delete;

  bool changed() const { return changed_; }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  bool changed_ = false;
};

bool DropCapability(unsigned capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return false;
  sets[capability / 32].effective &= ~(1u << (capability % 32));
  return syscall(SYS_capset, &header, sets.data()) == 0;
}

TEST(RunRights, AreEqualWhereNothingChanged) {
  const Changed child([] { return true; });
  ASSERT_TRUE(RunRights::Own());
  EXPECT_EQ(RunRights::Of(child.pid()), RunRights::Own());
  EXPECT_EQ(RunRights::Of(gettid()), RunRights::Own());
}

TEST(RunRights, OfNobodyAreNone) {
  pid_t gone = 0;
  {
    const Changed child([] { return true; });
    gone = child.pid();
  }
  EXPECT_EQ(RunRights::Of(gone), std::nullopt);
}

TEST(RunRights, DifferInWhateverTheKernelAsksFor) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, in order to give something up";
  const std::array<gid_t, 1> group = {7};
  const std::pair<const char*, std::function<bool()>> changes[] = {
      {"user", [] { return setresuid(65534, 65534, 65534) == 0; }},
      {"file system user", [] { return syscall(SYS_setfsuid, 65534) == 0; }},
      {"group", [] { return setresgid(65534, 65534, 65534) == 0; }},
      {"groups", [&group] { return setgroups(group.size(), group.data()) == 0; }},
      {"capability", [] { return DropCapability(CAP_DAC_OVERRIDE); }},
      {"root", [] { return chroot("/proc") == 0; }},
      {"mounts", [] { return unshare(CLONE_NEWNS) == 0; }},
      {"users", [] { return unshare(CLONE_NEWUSER) == 0; }},
  };
  for (const auto& [name, change] : changes) {
    const Changed child(change);
    if (!child.changed()) continue;  // a container forbids it
    EXPECT_NE(RunRights::Of(child.pid()), RunRights::Own()) << name;
  }
}

}  // namespace
}  // namespace warp::tools
