// What a loop says where the system lets it have no io_uring: the limit by name, and what to do about it. Each limit
// holds for the rest of a process, so each test sets it in a child of its own.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>

#include "absl/strings/match.h"
#include "control/loop/loop.h"

namespace warp::control {
namespace {

constexpr int kSaid = 0;
constexpr int kNotRefused = 78;

// Ends the process: kSaid if the loop polls by epoll because of what was said.
[[noreturn]] void ExpectFallback(const std::string& said) {
  auto loop = Loop::Open();
  if (!loop.ok()) _exit(1);
  if ((*loop)->back_end_name() == "io_uring") _exit(kNotRefused);
  std::fprintf(stderr, "%s\n", (*loop)->fallback_reason().c_str());
  _exit(absl::StrContains((*loop)->fallback_reason(), said) ? kSaid : 1);
}

void RefuseUring(int error) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = std::size(code), .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    _exit(1);
}

TEST(LoopLimits, ASeccompFilterIsNamedWhateverItAnswers) {
  for (const int error : {EPERM, ENOSYS, EACCES}) {
    EXPECT_EXIT(
        {
          RefuseUring(error);
          ExpectFallback("a seccomp filter");
        },
        ::testing::ExitedWithCode(kSaid), "")
        << error;
  }
}

TEST(LoopLimits, TheLimitOfLockedMemoryIsNamedWithItsValue) {
  const auto refused_memory = [] {
    RefuseUring(ENOMEM);
    const rlimit limit{65536, 65536};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    ExpectFallback(
        "Cannot allocate memory (RLIMIT_MEMLOCK is 64 KiB, and rings count: raise it by `ulimit "
        "-l` or LimitMEMLOCK=)");
  };
  EXPECT_EXIT(refused_memory(), ::testing::ExitedWithCode(kSaid), "");
}

}  // namespace
}  // namespace warp::control
