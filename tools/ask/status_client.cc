#include "tools/ask/status_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {
namespace {

using std::chrono::steady_clock;

constexpr size_t kMaxAnswer = size_t{16} << 20;
constexpr size_t kMaxLine = size_t{1} << 20;

// Bounds the next call that waits. False: the time is up.
bool WaitUntil(int fd, steady_clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::microseconds>(end - steady_clock::now());
  if (left.count() <= 0) return false;
  const timeval limit{.tv_sec = left.count() / 1'000'000, .tv_usec = left.count() % 1'000'000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  return true;
}

absl::Status NoAnswer(const std::string& path, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("no daemon answers at ", path, ": ", why));
}

// Connects and says the line. It fits the socket's buffer; if the daemon is gone, so is its answer, and reading tells.
absl::StatusOr<os::UniqueFd> Call(const std::string& path, absl::string_view request,
                                  steady_clock::time_point end) {
  const absl::StatusOr<os::UnixAddress> address = os::UnixAddress::Of(path);
  if (!address.ok()) return NoAnswer(path, address.status().message());
  os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!WaitUntil(fd.get(), end) || connect(fd.get(), address->get(), address->size()) != 0) {
    return NoAnswer(path, errno == EAGAIN ? "it is busy" : os::ErrnoText(errno));
  }
  const std::string line = absl::StrCat(request, "\n");
  (void)send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
  return fd;
}

// Takes whole lines from the front of `text`. False: `heed` has heard enough.
bool TakeLines(std::string& text, absl::FunctionRef<bool(const std::string&)> heed) {
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (!heed(text.substr(begin, end - begin))) return false;
  }
  text.erase(0, begin);
  return true;
}

}  // namespace

absl::StatusOr<std::string> AskDaemon(const std::string& path, absl::string_view request,
                                      std::chrono::milliseconds patience) {
  const steady_clock::time_point end = steady_clock::now() + patience;
  const absl::StatusOr<os::UniqueFd> fd = Call(path, request, end);
  if (!fd.ok()) return fd.status();
  std::string answer;
  char buffer[65536];
  while (true) {
    if (!WaitUntil(fd->get(), end)) return NoAnswer(path, "it takes too long");
    const ssize_t got = recv(fd->get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return NoAnswer(path, errno == EAGAIN ? "it says nothing" : os::ErrnoText(errno));
    if (got == 0) break;
    answer.append(buffer, static_cast<size_t>(got));
    if (answer.size() > kMaxAnswer) return NoAnswer(path, "it says too much");
  }
  if (answer.empty()) return NoAnswer(path, "it closed without a word");
  return answer;
}

absl::Status FollowDaemon(const std::string& path, absl::string_view request, int stop,
                          absl::FunctionRef<bool(const std::string&)> heed) {
  const absl::StatusOr<os::UniqueFd> fd =
      Call(path, request, steady_clock::now() + std::chrono::seconds(5));
  if (!fd.ok()) return fd.status();
  std::string text;
  char buffer[65536];
  while (TakeLines(text, heed)) {
    if (text.size() > kMaxLine) return NoAnswer(path, "it says too much");
    pollfd both[2] = {{.fd = fd->get(), .events = POLLIN, .revents = 0},
                      {.fd = stop, .events = POLLIN, .revents = 0}};
    if (poll(both, 2, -1) < 0 && errno == EINTR) continue;
    if (both[1].revents != 0) break;
    const ssize_t got = recv(fd->get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return absl::UnavailableError(absl::StrCat("the daemon at ", path, " has ended"));
    text.append(buffer, static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

}  // namespace warp::tools
