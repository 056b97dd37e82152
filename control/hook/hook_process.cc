#include "control/hook/hook_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/hook/hook_rights.h"
#include "control/hook/hook_runner.h"
#include "dataplane/os/errno_status.h"

namespace warp::hook {
namespace {

constexpr int kSocket = 3;

// Nothing of warpd's stays but its stderr, which no command gets.
void LeaveAllBehind(int socket) {
  prctl(PR_SET_NAME, "warp-hooks", 0, 0, 0);
  setsid();
  // The end of warpd is the end of this: a service manager that ends all processes of a service ends warpd first.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  dup2(socket, kSocket);
  fcntl(kSocket, F_SETFD, FD_CLOEXEC);
  syscall(SYS_close_range, static_cast<unsigned>(kSocket + 1), ~0u, 0u);
}

[[noreturn]] void BeHookProcess(HookUser user) {
  AdoptOrphans();
  YieldCpus();
  // Nobody hears of it who has no hooks: the first of them is awaited.
  char first = 0;
  while (recv(kSocket, &first, 1, MSG_PEEK) < 0 && errno == EINTR) {
  }
  if (first != 0 && user == HookUser::kNobody) {
    Say(absl::StrCat("commands run as nobody, as others do, because there is no user ", kHookUser));
  }
  RunHooks(kSocket, kLastTime);
  _exit(0);
}

// The namespace holds the children of who made it. So the process is a child of a child, and belongs to nobody's
// parent that would have to bury it.
[[noreturn]] void StartWithoutRights(int socket) {
  LeaveAllBehind(socket);
  const absl::StatusOr<HookUser> user = GiveUpRights();
  if (chdir("/") != 0 || !user.ok()) {
    Say(absl::StrCat("none is run, because this process cannot give up its rights: ",
                     user.ok() ? os::ErrnoText(errno) : std::string(user.status().message())));
    _exit(1);
  }
  const pid_t child = fork();
  if (child == 0) BeHookProcess(*user);
  if (child < 0) Say(absl::StrCat("no process: ", os::ErrnoText(errno)));
  _exit(child < 0 ? 1 : 0);
}

}  // namespace

absl::StatusOr<os::UniqueFd> StartHookProcess() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return os::ErrnoStatus(errno, "no socket for hooks");
  }
  os::UniqueFd ours(ends[0]);
  const os::UniqueFd theirs(ends[1]);
  const pid_t child = fork();
  if (child < 0) return os::ErrnoStatus(errno, "no process for hooks");
  if (child == 0) StartWithoutRights(theirs.get());
  // It has said what it lacks, if it does; then the socket has no other end, and the first event tells.
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return ours;
}

}  // namespace warp::hook
