#include "tools/machine/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMost = size_t{16} << 20;

int MillisecondsTo(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

std::string FindProgram(const std::string& name) {
  if (!name.empty() && name[0] == '/') return access(name.c_str(), X_OK) == 0 ? name : "";
  for (const char* directory : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    std::string path = absl::StrCat(directory, name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

struct Pipe {
  static absl::StatusOr<Pipe> Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return absl::InternalError(os::ErrnoText(errno));
    return Pipe{os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
  }
  os::UniqueFd out;
  os::UniqueFd in;
};

// The program as a child: with it, all that it has started in its process group ends.
class Program {
 public:
  ~Program() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    Wait();
  }

  absl::Status Start(const std::string& path, const std::vector<std::string>& words, int out,
                     int err) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<std::string> copies = words;
    std::vector<char*> arguments;
    for (std::string& word : copies) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::string locale = "LC_ALL=C", where = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char* environment[] = {locale.data(), where.data(), nullptr};
    const int error =
        posix_spawn(&pid_, path.c_str(), &actions, &attributes, arguments.data(), environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) pid_ = -1;
    return error == 0 ? absl::OkStatus() : absl::UnknownError(os::ErrnoText(error));
  }

  // False: it still runs then. A program may close its outputs and stay.
  bool EndsBefore(Clock::time_point deadline) const {
    const os::UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    pollfd polled = {.fd = handle.get(), .events = POLLIN};
    return handle && poll(&polled, 1, MillisecondsTo(deadline)) > 0;
  }

  // Waits for its end. Returns its status as of waitpid.
  int Wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
};

// Takes what is there. Returns false at its end.
bool Take(const os::UniqueFd& fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR;
  text.append(buffer.data(), static_cast<size_t>(got));
  return got > 0;
}

// Takes both until both have ended.
absl::Status TakeAll(const os::UniqueFd& out, const os::UniqueFd& err, Clock::time_point deadline,
                     std::string& answer, std::string& complaint) {
  std::array<pollfd, 2> polled = {
      {{.fd = out.get(), .events = POLLIN}, {.fd = err.get(), .events = POLLIN}}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    const int left = MillisecondsTo(deadline);
    if (left == 0) return absl::DeadlineExceededError("it did not end");
    if (poll(polled.data(), polled.size(), left) < 0 && errno != EINTR) {
      return absl::InternalError(os::ErrnoText(errno));
    }
    if (polled[0].revents != 0 && !Take(out, answer)) polled[0].fd = -1;
    if (polled[1].revents != 0 && !Take(err, complaint)) polled[1].fd = -1;
    if (answer.size() + complaint.size() > kMost) {
      return absl::ResourceExhaustedError("it says too much");
    }
  }
  return absl::OkStatus();
}

absl::Status Failure(std::string complaint) {
  complaint = Plain(complaint.substr(0, complaint.find('\n')));
  if (complaint.empty()) complaint = "it failed";
  return absl::StrContains(complaint, "not permitted") ||
                 absl::StrContains(complaint, "Permission denied")
             ? absl::PermissionDeniedError(complaint)
             : absl::UnknownError(complaint);
}

}  // namespace

absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& words,
                                       std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  const std::string path = words.empty() ? "" : FindProgram(words[0]);
  if (path.empty()) return absl::NotFoundError("it is not installed");
  absl::StatusOr<Pipe> out = Pipe::Open(), err = Pipe::Open();
  if (!out.ok()) return out.status();
  if (!err.ok()) return err.status();
  Program program;
  absl::Status status = program.Start(path, words, out->in.get(), err->in.get());
  out->in.Close();
  err->in.Close();
  std::string answer, complaint;
  if (status.ok()) status = TakeAll(out->out, err->out, deadline, answer, complaint);
  if (!status.ok()) return status;
  if (!program.EndsBefore(deadline)) return absl::DeadlineExceededError("it did not end");
  if (program.Wait() != 0) return Failure(complaint);
  return answer;
}

}  // namespace warp::tools
