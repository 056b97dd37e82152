#include "control/hook/hook_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "control/hook/hook_rights.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"

namespace warp::hook {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kMostMessage = size_t{64} << 10;
constexpr char kPath[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

// What a command says, line by line.
class Output {
 public:
  explicit Output(std::string name) : name_(std::move(name)) {}

  // Takes what is in the pipe. False: nothing more comes.
  bool Take(int fd) {
    char buffer[65536];
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    const absl::string_view text(buffer, static_cast<size_t>(size));
    const absl::string_view shown = text.substr(0, kMostOutput - said_);
    said_ += shown.size();
    unsaid_ += text.size() - shown.size();
    for (const char c : shown) {
      if (c == '\n') {
        Flush();
      } else {
        line_ += absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? '?' : c;
      }
    }
    return size > 0;
  }

  void End() {
    Flush();
    if (unsaid_ > 0) Say(absl::StrCat(name_, " said ", unsaid_, " bytes more than are shown"));
  }

 private:
  void Flush() {
    if (!line_.empty()) Say(absl::StrCat(name_, ": ", std::exchange(line_, "")));
  }

  const std::string name_;
  std::string line_;
  size_t said_ = 0;
  uint64_t unsaid_ = 0;
};

class Runner {
 public:
  Runner(int socket, milliseconds longer) : socket_(socket), longer_(longer) {}

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
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0) return Say(absl::StrCat("no pipe: ", os::ErrnoText(errno)));
    const os::UniqueFd input(in[0]);
    os::UniqueFd fed(in[1]);
    if (pipe2(out, O_CLOEXEC) != 0) return Say(absl::StrCat("no pipe: ", os::ErrnoText(errno)));
    const os::UniqueFd said(out[0]);
    os::UniqueFd output(out[1]);
    const pid_t child = fork();
    if (child == 0) Become(call, input.get(), output.get());
    if (child < 0) return Say(absl::StrCat("no process: ", os::ErrnoText(errno)));
    output.Close();
    setpgid(child, child);  // whoever is first
    // Nobody waits for a command that does not read. A pipe holds 64 KiB, or a page where this user has very many: what
    // does not fit then is missing.
    fcntl(fed.get(), F_SETFL, O_NONBLOCK);
    fcntl(said.get(), F_SETFL, O_NONBLOCK);
    [[maybe_unused]] const ssize_t wrote = write(fed.get(), call.input.data(), call.input.size());
    fed.Close();
    Output text(call.words[0]);
    const bool ended = WaitFor(child, call.limit, said.get(), text);
    // What it leaves behind has no right to stay, wherever it has gone.
    int status = 0;
    const bool all = KillAll(child, &status);
    text.Take(said.get());
    text.End();
    if (!all) Say(absl::StrCat(call.words[0], ": some of it does not end although it was killed"));
    if (!ended) {
      Say(absl::StrCat(call.words[0], ": it was killed, because it took too long"));
    } else if (status != 0) {
      Say(absl::StrCat(call.words[0], ": ", WIFSIGNALED(status) ? "signal " : "exit status ",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    }
  }

  // False: its time is over. The command stays a zombie, so that its number is not given away.
  bool WaitFor(pid_t child, milliseconds limit, int said, Output& text) {
    const os::UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
    steady_clock::time_point end = std::min(steady_clock::now() + limit, last_);
    while (Until(end) > 0) {
      const bool warpd = last_ == steady_clock::time_point::max();
      pollfd all[3] = {{.fd = ended.get(), .events = POLLIN, .revents = 0},
                       {.fd = warpd ? socket_ : -1, .events = 0, .revents = 0},
                       {.fd = said, .events = POLLIN, .revents = 0}};
      poll(all, 3, Until(end));
      if ((all[0].revents & POLLIN) != 0) return true;
      if ((all[1].revents & POLLHUP) != 0) {
        last_ = steady_clock::now() + longer_;
        end = std::min(end, last_);
      }
      if (all[2].revents != 0 && !text.Take(said)) said = -1;
    }
    return false;
  }

  [[noreturn]] static void Become(const Call& call, int input, int output) {
    setpgid(0, 0);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(call.words[0].c_str(), Pointers(call.words).data(), Pointers(call.environment).data());
    std::fprintf(stderr, "cannot be run: %s\n", os::ErrnoText(errno).c_str());
    _exit(127);
  }

  static std::vector<char*> Pointers(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  const int socket_;
  const milliseconds longer_;
  // When all ends: some time after warpd did.
  steady_clock::time_point last_ = steady_clock::time_point::max();
};

}  // namespace

void Say(const std::string& what) { std::fprintf(stderr, "warpd: hooks: %s\n", what.c_str()); }

void RunHooks(int socket, milliseconds longer) { Runner(socket, longer).Run(); }

}  // namespace warp::hook
