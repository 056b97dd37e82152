#include "tools/run/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "dataplane/os/signals.h"
#include "dataplane/os/unique_fd.h"
#include "tools/run/run_application.h"
#include "tools/run/run_supervisor.h"
#include "tools/terminal/complain.h"

namespace warp::tools {
namespace {

constexpr int kLook = 100;  // ms between looks for killed senders, while there are any that wait

// The message that the supervisor sends to the front through a pipe.
struct News {
  enum class Kind : uint8_t { kStarted, kStopped, kEnded };
  Kind kind;
  int value;  // the application's process; –; its exit status
};

int ExitStatus(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Tell(int front, News::Kind kind, int value) {
  const News news{kind, value};
  [[maybe_unused]] const ssize_t written = write(front, &news, sizeof(news));
}

// Gives up the session, all descriptors and the directory, so that nothing that the application closes stays open or in
// use here.
void Detach() {
  setsid();
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  close(null);
  [[maybe_unused]] const int changed = chdir("/");
}

// Reaps children. Returns true once the application has ended; the front then knows how.
bool Reap(pid_t application, int front) {
  int status = 0;
  for (pid_t child; (child = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
    if (child != application) continue;
    if (WIFSTOPPED(status)) {
      Tell(front, News::Kind::kStopped, WSTOPSIG(status));
      continue;
    }
    prctl(PR_SET_PDEATHSIG, 0);  // the front ends now, and what the application left behind goes on
    Tell(front, News::Kind::kEnded, ExitStatus(status));
    return true;
  }
  return false;
}

// Runs the supervisor from start to end. All signals are blocked.
[[noreturn]] void Supervise(const std::string& gate_path, const std::vector<std::string>& command,
                            const InheritedSignals& signals, os::UniqueFd front) {
  absl::StatusOr<StartedApplication> application = StartApplication(command, signals);
  if (!application.ok()) {
    Tell(front.get(), News::Kind::kEnded, Complain(application.status().message()));
    _exit(1);
  }
  // It is never destroyed, because its threads end only with the process.
  auto* supervisor = new RunSupervisor(std::move(application->listener), gate_path);
  supervisor->Start();
  Tell(front.get(), News::Kind::kStarted, application->pid);
  application->Release();
  Detach();

  const absl::StatusOr<os::SignalFd> changes = os::SignalFd::Open(os::SignalSet({SIGCHLD}));
  bool waits = false;
  for (bool ended = false, alone = false; !ended || !alone;) {
    pollfd watched[] = {{.fd = changes.ok() ? changes->fd() : -1, .events = POLLIN, .revents = 0},
                        {.fd = alone ? -1 : supervisor->listener(), .events = 0, .revents = 0}};
    poll(watched, 2, waits ? kLook : 10 * kLook);
    while (changes.ok() && changes->Read().has_value()) {
    }
    if (!ended && (ended = Reap(application->pid, front.get()))) front = os::UniqueFd();
    alone = alone || watched[1].revents != 0;  // nobody is left who could ask
    waits = supervisor->LetGo();
  }
  _exit(0);
}

// A signal of the terminal goes to the whole process group, so the application has it already. A signal that a process
// sends to this one is meant for the application.
void PassOn(const signalfd_siginfo& signal, pid_t application) {
  const bool from_process = signal.ssi_code <= 0;  // which excludes SIGCHLD
  if (!from_process || signal.ssi_pid == static_cast<uint32_t>(application)) return;
  kill(application, static_cast<int>(signal.ssi_signo));
}

int Front(int supervisor_news, const sigset_t& all) {
  const absl::StatusOr<os::SignalFd> signals = os::SignalFd::Open(all);
  if (!signals.ok()) return Complain(signals.status().message());
  pid_t application = 0;
  while (true) {
    // Signals stay pending until there is an application to pass them to.
    pollfd watched[] = {
        {.fd = supervisor_news, .events = POLLIN, .revents = 0},
        {.fd = application != 0 ? signals->fd() : -1, .events = POLLIN, .revents = 0}};
    poll(watched, 2, -1);
    if (watched[1].revents != 0) {
      while (const std::optional<signalfd_siginfo> signal = signals->Read())
        PassOn(*signal, application);
    }
    if (watched[0].revents == 0) continue;
    News news;
    if (read(supervisor_news, &news, sizeof(news)) != sizeof(news)) {
      return Complain("the supervisor of the application was killed, and the application with it");
    }
    switch (news.kind) {
      case News::Kind::kStarted:
        application = news.value;
        break;
      case News::Kind::kStopped:
        kill(getpid(), SIGSTOP);  // so that a shell sees it
        break;
      case News::Kind::kEnded:
        return news.value;
    }
  }
}

}  // namespace

int RunApplication(const std::string& gate_path, const std::vector<std::string>& command) {
  const sigset_t all = os::AllSignals();
  InheritedSignals signals;
  signals.mask = os::BlockSignals(all);
  // The caller may ignore the ends of its children, which this program must see.
  struct sigaction wanted = {};
  wanted.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &wanted, &signals.on_child);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Complain("no more descriptors");
  os::UniqueFd news(ends[0]), front(ends[1]);
  const pid_t self = getpid();
  const pid_t supervisor = fork();
  if (supervisor < 0) return Complain("no more processes");
  if (supervisor == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != self) _exit(1);
    news = os::UniqueFd();
    Supervise(gate_path, command, signals, std::move(front));
  }
  front = os::UniqueFd();
  return Front(news.get(), all);
}

}  // namespace warp::tools
