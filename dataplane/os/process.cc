#include "dataplane/os/process.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace warp::os {

void ForbidCoreDumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

size_t DescriptorLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

void LeaveChildrenToSystem() { signal(SIGCHLD, SIG_IGN); }

void GiveUpUsers() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return;
  constexpr uint32_t kUsers = 1u << CAP_SETUID | 1u << CAP_SETGID;
  for (uint32_t* set : {&sets[0].effective, &sets[0].permitted, &sets[0].inheritable}) {
    *set &= ~kUsers;
  }
  syscall(SYS_capset, &header, sets);
}

bool CpuExists(int cpu) {
  const std::string cpus = "/sys/devices/system/cpu";
  return access(absl::StrCat(cpus, "/cpu", cpu).c_str(), F_OK) == 0 ||
         access(cpus.c_str(), F_OK) != 0;
}

std::string MemlockText() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) return "RLIMIT_MEMLOCK is unlimited";
  return absl::StrCat("RLIMIT_MEMLOCK is ", limit.rlim_cur / 1024, " KiB");
}

}  // namespace warp::os
