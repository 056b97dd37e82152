#include "tools/run/run_application.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <new>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "tools/run/run_filter.h"

namespace warp::tools {
namespace {

// Parent and child communicate through this memory. Once the filter is in place, the child's calls wait for answers, so
// it cannot send anything.
struct Shared {
  std::atomic<uint32_t> listening = 0;  // the child's filter is in place, or has failed
  std::atomic<uint32_t> released = 0;
  int listener = -1;  // the child's descriptor, or minus an errno
};

void Wait(std::atomic<uint32_t>& word, int milliseconds) {
  const timespec timeout{.tv_sec = 0, .tv_nsec = milliseconds * 1'000'000L};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, 0, &timeout, nullptr, 0);
}

void Set(std::atomic<uint32_t>& word) {
  word = 1;
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

[[noreturn]] void BeApplication(Shared& shared, pid_t parent,
                                const std::vector<std::string>& command,
                                const InheritedSignals& signals) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  shared.listener = InstallFilter();
  Set(shared.listening);
  while (shared.released == 0) Wait(shared.released, 1000);
  ::sigaction(SIGCHLD, &signals.on_child, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &signals.mask, nullptr);
  ::execvp(words[0], words.data());
  const int status = errno == ENOENT ? 127 : 126;
  std::fprintf(stderr, "warp: cannot run %s: %s\n", words[0], os::ErrnoText(errno).c_str());
  ::_exit(status);
}

absl::Status Impossible(int error) {
  switch (error) {
    case EBUSY:
      return absl::FailedPreconditionError(
          "cannot supervise the application's sends: somebody supervises its system calls already "
          "(a container's, or another warp run)");
    case EINVAL:
    case ENOSYS:
      return absl::FailedPreconditionError(
          "cannot supervise the application's sends: this kernel has no seccomp notifications as "
          "of Linux 5.19");
    default:
      return absl::FailedPreconditionError(absl::StrCat(
          "cannot supervise the application's sends: seccomp filters are forbidden here (",
          os::ErrnoText(error), ")"));
  }
}

// Takes over the listener, and reads the child's memory for the first time.
absl::StatusOr<os::UniqueFd> TakeListener(pid_t child, const Shared& shared) {
  if (shared.listener < 0) return Impossible(-shared.listener);
  const os::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  os::UniqueFd listener(
      static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), shared.listener, 0)));
  pid_t copy = 0;
  const iovec local{.iov_base = &copy, .iov_len = sizeof(copy)};
  const iovec remote{.iov_base = &child, .iov_len = sizeof(child)};
  if (listener.get() < 0 || ::process_vm_readv(child, &local, 1, &remote, 1, 0) < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot supervise the application's sends: no right to look into it, as a "
                     "debugger would (",
                     os::ErrnoText(errno), ")"));
  }
  return listener;
}

}  // namespace

void StartedApplication::Release() { Set(*released); }

absl::StatusOr<StartedApplication> StartApplication(const std::vector<std::string>& command,
                                                    const InheritedSignals& signals) {
  void* page =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return absl::ResourceExhaustedError("no more memory");
  auto* shared = new (page) Shared;  // stays mapped
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return absl::ResourceExhaustedError("no more processes");
  if (child == 0) BeApplication(*shared, self, command, signals);
  while (shared->listening == 0) {
    Wait(shared->listening, 50);
    if (::waitpid(child, nullptr, WNOHANG) == child) {
      return absl::UnavailableError("the application was killed before it began");
    }
  }
  absl::StatusOr<os::UniqueFd> listener = TakeListener(child, *shared);
  if (!listener.ok()) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return listener.status();
  }
  return StartedApplication{child, std::move(*listener), &shared->released};
}

}  // namespace warp::tools
