// Hooks that misbehave: whatever a command does, it ends when its time is over, with all that came of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <thread>

#include "tests/control/hook/hook_fixture.h"

namespace warp::hook {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// From now on the calling thread and its children make no namespace, as in a container.
void ForbidNamespaces() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = 4, .filter = filter};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

class UnrulyHookTest : public HookTest, public ::testing::WithParamInterface<bool> {
 protected:
  // What the process says of commands is in said() afterwards.
  UnrulyHookTest() {
    ::testing::internal::CaptureStderr();
    std::thread([this] {
      if (!GetParam()) ForbidNamespaces();
      Start(StartHookProcess());
    }).join();
  }
  ~UnrulyHookTest() override {
    if (!heard_) Said();
  }
  std::string Said() {
    heard_ = true;
    return ::testing::internal::GetCapturedStderr();
  }
  // Runs it, and returns when the command after it was run: then nothing of the first may be left.
  void Outlive(const std::string& script, milliseconds limit) {
    const std::string next = Script("next", "touch $OUT.done");
    hooks_->Set({script, next}, limit);
    Run(1);
    ASSERT_TRUE(Until([&] { return Exists("next.done"); }));
    EXPECT_EQ(Running(), 0);
  }

 private:
  bool heard_ = false;
};

TEST_P(UnrulyHookTest, NothingOfItOutlivesItsTime) {
  Outlive(Script("hook", absl::StrCat("trap '' TERM HUP; setsid sleep ", marker_,
                                      " & (setsid setsid sleep ", marker_,
                                      " &) & touch $OUT.up; sleep ", marker_)),
          milliseconds(1500));
  EXPECT_TRUE(Exists("hook.up"));
  EXPECT_THAT(Said(), HasSubstr("it was killed, because it took too long"));
}

// It ends in time, and leaves daemons behind.
TEST_P(UnrulyHookTest, NothingOfItOutlivesItsEnd) {
  Outlive(Script("hook", absl::StrCat("(setsid sh -c 'trap \"\" TERM; (setsid sleep ", marker_,
                                      " &); sleep ", marker_, "' &); while ! grep -aqs ", marker_,
                                      " /proc/[0-9]*/cmdline; do :; done")),
          seconds(60));
}

// Whoever kills one after the other is behind a process that gives way to its child each time.
TEST_P(UnrulyHookTest, AChainOfProcessesEnds) {
  Outlive(Script("hook", absl::StrCat("echo x >>$OUT.count; setsid $0 ", marker_, " & exit 0")),
          seconds(60));
  const size_t links = Read("hook.count").size();
  EXPECT_GT(links, 0u);
  hooks_->Set({directory_.At("next")}, seconds(60));
  for (int i = 2; i < 5; ++i) Run(i);
  EXPECT_EQ(Running(), 0);
  EXPECT_EQ(Read("hook.count").size(), links);
}

// Gigabytes of it cost the log a page.
TEST_P(UnrulyHookTest, WhatItSaysIsBounded) {
  Outlive(Script("hook",
                 "printf 'a\\033[2Jb\\r\\n'; head -c 50000000 /dev/zero | tr '\\0' x; echo end"),
          seconds(60));
  const std::string said = Said();
  EXPECT_THAT(said, HasSubstr("hook: a?[2Jb?\n"));
  EXPECT_THAT(said, HasSubstr("bytes more than are shown"));
  EXPECT_LT(said.size(), 3 * 4096u);
}

// A log that nobody reads holds the commands up as little as it does warpd.
TEST_P(UnrulyHookTest, ItGetsNothingToReadFromOrToHoldUp) {
  Outlive(Script("hook", "cat <&1; cat <&2; exec 1>&- 2>&-; exit 3"), seconds(60));
  EXPECT_THAT(Said(), HasSubstr("exit status 3"));
}

INSTANTIATE_TEST_SUITE_P(InANamespaceOrNot, UnrulyHookTest, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "Enclosed" : "Adopted"; });

}  // namespace
}  // namespace warp::hook
