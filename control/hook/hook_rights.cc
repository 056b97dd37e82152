#include "control/hook/hook_rights.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"

namespace warp::hook {
namespace {

constexpr uid_t kNobody = 65534;
constexpr rlim_t kMostProcesses =
    1024;  // of the user, so that a command that multiplies ends somewhere
constexpr int kNice = 10;
constexpr auto kPatience = std::chrono::seconds(1);

bool WriteFile(const char* path, absl::string_view text) {
  const os::UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

struct Account {
  uid_t user = kNobody;
  gid_t group = kNobody;
  HookUser kind = HookUser::kNobody;
};

Account FindAccount() {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  getpwnam_r(kHookUser, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr || entry.pw_uid == 0) return {};
  return {.user = entry.pw_uid, .group = entry.pw_gid, .kind = HookUser::kOwn};
}

// Who may not become another user stays who he is.
absl::StatusOr<HookUser> BecomeHookUser() {
  const bool root = geteuid() == 0;
  const Account account = FindAccount();
  const bool groups = setgroups(0, nullptr) == 0;
  if (groups && setresgid(account.group, account.group, account.group) == 0 &&
      setresuid(account.user, account.user, account.user) == 0) {
    return account.kind;
  }
  if (root) return os::ErrnoStatus(errno, "it cannot become another user than root");
  return HookUser::kOfWarpd;
}

// A namespace of users, in which this one is who it was, gives everybody the right to one of processes.
bool MakeUserNamespace() {
  const std::string user = absl::StrCat(geteuid(), " ", geteuid(), " 1");
  const std::string group = absl::StrCat(getegid(), " ", getegid(), " 1");
  // A process that changed its user does not own its files in /proc until it says that it has no secrets.
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) return false;
  WriteFile("/proc/self/uid_map", user);
  WriteFile("/proc/self/setgroups", "deny");
  WriteFile("/proc/self/gid_map", group);
  return true;
}

absl::Status DropCapabilities() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return os::ErrnoStatus(errno, "no_new_privs");
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, none) != 0) return os::ErrnoStatus(errno, "its capabilities");
  return absl::OkStatus();
}

// A command is the first to go when memory runs out, and may not be too many.
void StandBack() {
  WriteFile("/proc/self/oom_score_adj", "1000");
  rlimit limit{};
  if (getrlimit(RLIMIT_NPROC, &limit) != 0) return;
  limit.rlim_max = std::min(limit.rlim_max, kMostProcesses);
  limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  setrlimit(RLIMIT_NPROC, &limit);
}

bool IsFirstOfNamespace() { return getpid() == 1; }

}  // namespace

// Each of these calls needs what the next ones take away.
absl::StatusOr<HookUser> GiveUpRights() {
  StandBack();
  const bool enclosed = unshare(CLONE_NEWPID) == 0;
  for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
  }
  const absl::StatusOr<HookUser> user = BecomeHookUser();
  if (!user.ok()) return user;
  if (!enclosed) MakeUserNamespace();
  if (absl::Status status = DropCapabilities(); !status.ok()) return status;
  return user;
}

void YieldCpus() { setpriority(PRIO_PROCESS, 0, kNice); }

void AdoptOrphans() { prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

bool KillAll(int wanted, int* status) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    if (IsFirstOfNamespace()) {
      kill(-1, SIGKILL);  // nobody can be born meanwhile, and it is never this process
    } else {
      if (wanted > 0) kill(-wanted, SIGKILL);
      std::ifstream children("/proc/thread-self/children");
      for (pid_t child; children >> child;) kill(child, SIGKILL);
    }
    int ended = 0;
    pid_t child = 0;
    while ((child = waitpid(-1, &ended, WNOHANG)) > 0) {
      if (child == wanted) *status = ended;
    }
    if (child < 0 && errno == ECHILD) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    poll(nullptr, 0, 1);
  }
}

}  // namespace warp::hook
