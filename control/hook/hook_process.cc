#include "control/hook/hook_process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/os/errno_status.h"

namespace warp::hook {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kMostMessage = size_t{64} << 10;
constexpr uid_t kNobody = 65534;
constexpr char kPath[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void Say(const std::string& what) { std::fprintf(stderr, "warpd: hooks: %s\n", what.c_str()); }

// Of the order of these calls each needs what the next ones take away.
bool GiveUpRights() {
  if (geteuid() == 0) {
    if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0) return false;
    if (setresuid(kNobody, kNobody, kNobody) != 0) return false;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return false;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

// Milliseconds until then, for poll(2); 0 where it has passed.
int Until(steady_clock::time_point end) {
  const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}

// What a command gets.
struct Call {
  std::vector<std::string> words;  // the program and its arguments
  std::vector<std::string> environment;
  std::string input;
  milliseconds limit;
};

class Runner {
 public:
  explicit Runner(int socket) : socket_(socket) {}

  // Until warpd has ended, and what it left is run or out of time.
  void Run() {
    std::string message(kMostMessage, '\0');
    while (steady_clock::now() < last_) {
      const ssize_t size = recv(socket_, message.data(), message.size(), 0);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      const Json json = Json::parse(message.begin(), message.begin() + size, nullptr, false);
      if (json.is_object()) RunAll(json);
    }
  }

 private:
  void RunAll(const Json& message) {
    for (const Json& event : message["events"]) {
      Call call{.words = {},
                .environment = {kPath},
                .input = event.dump() + "\n",
                .limit = milliseconds(message["timeout_ms"].get<int64_t>())};
      for (const auto& [key, value] : event.items()) {
        call.environment.push_back(
            absl::StrCat("WARP_", absl::AsciiStrToUpper(key), "=",
                         value.is_string() ? value.get<std::string>() : value.dump()));
      }
      for (const Json& command : message["commands"]) {
        call.words = absl::StrSplit(command.get<std::string>(), ' ');
        RunOne(call);
      }
    }
  }

  void RunOne(const Call& call) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return Say(absl::StrCat("no pipe: ", os::ErrnoText(errno)));
    const os::UniqueFd input(ends[0]);
    os::UniqueFd output(ends[1]);
    const pid_t child = fork();
    if (child == 0) Become(call, input.get());
    if (child < 0) return Say(absl::StrCat("no process: ", os::ErrnoText(errno)));
    setpgid(child, child);  // whoever is first
    // Nobody waits for a command that does not read. A pipe holds 64 KiB, or a page where this user has very many: what
    // does not fit then is missing.
    fcntl(output.get(), F_SETFL, O_NONBLOCK);
    [[maybe_unused]] const ssize_t wrote =
        write(output.get(), call.input.data(), call.input.size());
    output.Close();
    const int status = WaitFor(child, call);
    // What it leaves behind in its group has no right to stay.
    kill(-child, SIGKILL);
    if (status != 0) {
      Say(absl::StrCat(call.words[0], ": ",
                       !WIFSIGNALED(status) ? absl::StrCat("exit status ", WEXITSTATUS(status))
                       : WTERMSIG(status) == SIGKILL ? "it was killed, because it took too long"
                                                     : absl::StrCat("signal ", WTERMSIG(status))));
    }
  }

  // The status of waitpid(2).
  int WaitFor(pid_t child, const Call& call) {
    const os::UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
    steady_clock::time_point end = std::min(steady_clock::now() + call.limit, last_);
    while (Until(end) > 0) {
      pollfd both[2] = {{.fd = ended.get(), .events = POLLIN, .revents = 0},
                        {.fd = last_ == steady_clock::time_point::max() ? socket_ : -1,
                         .events = 0,
                         .revents = 0}};
      poll(both, 2, Until(end));
      if ((both[0].revents & POLLIN) != 0) break;
      if ((both[1].revents & POLLHUP) != 0) {
        last_ = steady_clock::now() + kLastTime;
        end = std::min(end, last_);
      }
    }
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) return status;
    kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  [[noreturn]] static void Become(const Call& call, int input) {
    setpgid(0, 0);
    dup2(input, STDIN_FILENO);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(call.words[0].c_str(), Pointers(call.words).data(), Pointers(call.environment).data());
    Say(absl::StrCat(call.words[0], ": ", os::ErrnoText(errno)));
    _exit(127);
  }

  static std::vector<char*> Pointers(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  const int socket_;
  // When all ends: some time after warpd did.
  steady_clock::time_point last_ = steady_clock::time_point::max();
};

// Nothing of warpd's stays but its stderr, to which commands may write.
[[noreturn]] void BeHookProcess(int socket) {
  prctl(PR_SET_NAME, "warp-hooks", 0, 0, 0);
  setsid();
  // The end of warpd is the end of this: a service manager that ends all processes of a service ends warpd first.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  dup2(socket, 3);
  fcntl(3, F_SETFD, FD_CLOEXEC);
  syscall(SYS_close_range, 4u, ~0u, 0u);
  if (chdir("/") != 0 || !GiveUpRights()) {
    Say(absl::StrCat("none is run, because this process cannot give up its rights: ",
                     os::ErrnoText(errno)));
    _exit(1);
  }
  Runner(3).Run();
  _exit(0);
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
  if (child == 0) BeHookProcess(theirs.get());
  return ours;
}

}  // namespace warp::hook
