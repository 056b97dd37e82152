#include "tools/web/asker.h"

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "tools/ask/status_client.h"
#include "tools/web/change.h"

namespace warp::tools {
namespace {

constexpr std::chrono::milliseconds kPatience(2000);
constexpr timeval kStuck{.tv_sec = 5, .tv_usec = 0};  // in the middle of a message
constexpr size_t kMaxLine = 8192;
constexpr uint32_t kMaxAnswer = uint32_t{17} << 20;

// In front of each text that goes over the pair.
struct Head {
  uint32_t code;  // of an absl::Status; of a line: 0
  uint32_t size;
};

bool ReadAll(int fd, void* to, size_t size) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = recv(fd, at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int fd, const void* from, size_t size) {
  const auto* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t gone = send(fd, at, size, MSG_NOSIGNAL);
    if (gone < 0 && errno == EINTR) continue;
    if (gone <= 0) return false;
    at += gone;
    size -= static_cast<size_t>(gone);
  }
  return true;
}

bool Write(int fd, uint32_t code, absl::string_view text) {
  const Head head{.code = code, .size = static_cast<uint32_t>(text.size())};
  return WriteAll(fd, &head, sizeof(head)) && WriteAll(fd, text.data(), text.size());
}

bool Read(int fd, size_t limit, Head* head, std::string* text) {
  if (!ReadAll(fd, head, sizeof(*head)) || head->size > limit) return false;
  text->resize(head->size);
  return ReadAll(fd, text->data(), text->size());
}

}  // namespace

Ask AskItself(std::string socket, bool allow_changes) {
  return [socket = std::move(socket), allow_changes](const std::string& line) {
    if (!MayAsk(line, allow_changes)) {
      return absl::StatusOr<std::string>(
          absl::PermissionDeniedError("the page may not ask the daemon for this"));
    }
    return AskDaemon(socket, line, kPatience);
  };
}

Ask AskThrough(os::UniqueFd fd) {
  struct Pair {
    os::UniqueFd fd;
    std::mutex mutex;
  };
  auto pair = std::make_shared<Pair>();
  pair->fd = std::move(fd);
  return [pair](const std::string& line) -> absl::StatusOr<std::string> {
    const std::lock_guard lock(pair->mutex);
    Head head{};
    std::string answer;
    if (!Write(pair->fd.get(), 0, line) || !Read(pair->fd.get(), kMaxAnswer, &head, &answer)) {
      return absl::UnavailableError("who asks the daemon for this page is gone");
    }
    if (head.code != 0) return absl::Status(static_cast<absl::StatusCode>(head.code), answer);
    return answer;
  };
}

void ServeAsks(int fd, const Ask& ask, int stop) {
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kStuck, sizeof(kStuck));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kStuck, sizeof(kStuck));
  while (true) {
    pollfd waiting[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                        {.fd = stop, .events = POLLIN, .revents = 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    Head head{};
    std::string line;
    if (!Read(fd, kMaxLine, &head, &line)) return;
    const absl::StatusOr<std::string> answer = ask(line);
    const bool sent = answer.ok() ? Write(fd, 0, *answer)
                                  : Write(fd, static_cast<uint32_t>(answer.status().code()),
                                          answer.status().message());
    if (!sent) return;
  }
}

absl::Status BecomeUser(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no user ", user, " to become (--user)"));
  }
  if (entry.pw_uid == 0) {
    return absl::InvalidArgumentError("--user: strangers are not served as root");
  }
  if (setgroups(0, nullptr) != 0 || setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) != 0 ||
      setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return os::ErrnoStatus(errno, "cannot become the user ", user);
  }
  if (setuid(0) == 0 || setgid(0) == 0) {
    return absl::PermissionDeniedError(absl::StrCat("could become root again after ", user));
  }
  return absl::OkStatus();
}

}  // namespace warp::tools
