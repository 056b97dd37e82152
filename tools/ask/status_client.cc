#include "tools/ask/status_client.h"

#include <sys/socket.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {
namespace {

constexpr size_t kMaxAnswer = size_t{16} << 20;
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};

absl::Status NoAnswer(const std::string& path, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("no daemon answers at ", path, ": ", why));
}

}  // namespace

absl::StatusOr<std::string> AskDaemon(const std::string& path, absl::string_view request) {
  const absl::StatusOr<os::UnixAddress> address = os::UnixAddress::Of(path);
  if (!address.ok()) return NoAnswer(path, address.status().message());

  const os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  if (connect(fd.get(), address->get(), address->size()) != 0) {
    return NoAnswer(path, errno == EAGAIN ? "it is busy" : os::ErrnoText(errno));
  }
  // It fits the socket's buffer. If the daemon is gone, so is its answer, and reading says so.
  const std::string line = absl::StrCat(request, "\n");
  (void)send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
  std::string answer;
  char buffer[65536];
  while (true) {
    const ssize_t got = recv(fd.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return NoAnswer(path, errno == EAGAIN ? "it says nothing" : os::ErrnoText(errno));
    if (got == 0) break;
    answer.append(buffer, static_cast<size_t>(got));
    if (answer.size() > kMaxAnswer) return NoAnswer(path, "it says too much");
  }
  if (answer.empty()) return NoAnswer(path, "it closed without a word");
  return answer;
}

}  // namespace warp::tools
