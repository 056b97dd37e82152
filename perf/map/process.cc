#include "perf/map/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace warp::perf {

void Fail(const std::string& what) {
  std::fprintf(stderr, "map_bench: %s\n", what.c_str());
  std::exit(1);
}

pid_t Start(std::vector<std::string> command, int out) {
  std::vector<char*> raw;
  for (std::string& word : command) raw.push_back(word.data());
  raw.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) Fail("cannot start " + command[0]);
  if (pid == 0) {
    const bool bound = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
    if (bound && (out < 0 || dup2(out, STDOUT_FILENO) >= 0)) execvp(raw[0], raw.data());
    _exit(127);
  }
  return pid;
}

double CpuSeconds(pid_t process) {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0)
    Fail("a process that is measured is gone");
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace warp::perf
