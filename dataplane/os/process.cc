#include "dataplane/os/process.h"

#include <sys/resource.h>
#include <unistd.h>

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
