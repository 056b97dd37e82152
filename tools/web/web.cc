#include "tools/web/web.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/signals.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/ask/values.h"
#include "tools/http/door.h"
#include "tools/http/http_server.h"
#include "tools/http/listener.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"
#include "tools/watch/watcher.h"
#include "tools/web/asker.h"
#include "tools/web/newsroom.h"
#include "tools/web/site.h"

namespace warp::tools {
namespace {

constexpr HttpLimits kLimits = {.connections = 64, .streams = 24, .body = kMaxChangeSize};

absl::Status CheckOptions(const WebOptions& options) {
  if (options.allow_changes && options.token_file.empty()) {
    return absl::InvalidArgumentError(
        "--allow-changes needs --token-file: else whoever reaches the page could change the node");
  }
  return absl::OkStatus();
}

// Asks all of a change, one tunnel after the other, and tells of the first that failed.
absl::Status Carry(const Change& change, const Newsroom& room, const Ask& ask) {
  const absl::StatusOr<std::vector<std::string>> requests =
      RequestsOf(change, room.links(), room.tunnels());
  if (!requests.ok()) return requests.status();
  for (const std::string& request : *requests) {
    const absl::StatusOr<std::string> answer = ask(request);
    if (!answer.ok()) return answer.status();
    const nlohmann::json json = nlohmann::json::parse(*answer, nullptr, false);
    if (!json.is_object()) return absl::UnavailableError("the answer is not a daemon's");
    if (const std::string error = Text(json, "error"); error != kNothing) {
      return absl::InvalidArgumentError(error);
    }
    std::cerr << "warp web: " << Plain(request) << std::endl;
  }
  return absl::OkStatus();
}

void WaitFor(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  while (poll(&waiting, 1, -1) <= 0) {
  }
}

// Where a browser finds it. What stands behind # is for the page alone: no browser sends it to anybody.
std::string PlaceOf(const WebOptions& options, const Door& door) {
  if (absl::StartsWith(options.listen, "unix:")) return options.listen;
  return absl::StrCat("http://", options.listen, "/", door.made.empty() ? "" : "#", door.made);
}

// Serves until `stop` is readable. What this process may do is settled by now.
int Serve(os::UniqueFd listening, const WebOptions& options, const Door& door, const Ask& ask,
          int stop) {
  Newsroom room;
  const Site site(
      {.hosts = options.hosts, .allow_changes = options.allow_changes, .token = door.token},
      {.view = [&room] { return room.view(); },
       .events = [&room] { return room.Subscribe(); },
       .change = [&room, &ask](const Change& change) { return Carry(change, room, ask); }});
  const absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Open(std::move(listening), kLimits,
                       [&site](const HttpRequest& request) { return site.Answer(request); });
  if (!server.ok()) return Complain(server.status().message());
  const Watcher watcher([&ask] { return ask("status"); },
                        [&](double now_s, const absl::StatusOr<std::string>& status) {
                          room.Take(now_s, status, status.ok() ? ask("tunnel show") : status);
                          (*server)->Wake();
                        });
  std::cerr << "warp web: ready at " << PlaceOf(options, door) << std::endl;
  WaitFor(stop);
  return 0;
}

// What root does: it stays, meets nobody, and asks the daemon for the process that serves.
int ServeApart(Listener listener, const WebOptions& options, const Door& door, int stop) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return Complain(os::ErrnoStatus(errno, "no socket pair").message());
  }
  os::UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return Complain(os::ErrnoStatus(errno, "cannot fork").message());
  if (child == 0) {
    ours.Close();
    int result = 1;
    if (const absl::Status status = BecomeUser(options.user); !status.ok()) {
      Complain(status.message());
    } else {
      prctl(PR_SET_PDEATHSIG, SIGTERM);  // credentials that change forget it
      if (getppid() == parent) {
        result = Serve(std::move(listener.fd), options, door, AskThrough(std::move(theirs)), stop);
      }
    }
    _exit(result);  // the socket file is the parent's to remove
  }
  theirs.Close();
  listener.fd.Close();
  ServeAsks(ours.get(), AskItself(options.socket, options.allow_changes), stop);
  ours.Close();
  kill(child, SIGTERM);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int RunWeb(const WebOptions& options) {
  if (const absl::Status status = CheckOptions(options); !status.ok()) {
    return Complain(status.message());
  }
  if (const absl::Status status = wire::InitCrypto(); !status.ok()) {
    return Complain(status.message());
  }
  // Blocked before any thread starts, so that none has a signal of its own.
  const sigset_t signals = os::SignalSet({SIGINT, SIGTERM});
  os::BlockSignals(signals);
  const absl::StatusOr<os::SignalFd> stop = os::SignalFd::Open(signals);
  if (!stop.ok()) return Complain(stop.status().message());
  const absl::StatusOr<Door> door = Door::Open(options.listen, options.socket, options.token_file);
  if (!door.ok()) return Complain(door.status().message());
  absl::StatusOr<Listener> listener = Listener::Open(
      options.listen, door->token
                          ? ""
                          : "whoever reaches this address could see everything: --token-file "
                            "names the secret that they have to know");
  if (!listener.ok()) return Complain(listener.status().message());
  if (geteuid() == 0) {
    return ServeApart(*std::move(listener), options, *door, stop->fd());
  }
  return Serve(std::move(listener->fd), options, *door,
               AskItself(options.socket, options.allow_changes), stop->fd());
}

}  // namespace warp::tools
