#include "tools/command/status_client.h"

#include <sys/socket.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {
namespace {

constexpr size_t kMaxStatus = size_t{16} << 20;
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};

absl::Status NoAnswer(const std::string& path, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("no daemon answers at ", path, ": ", why));
}

}  // namespace

absl::StatusOr<std::string> FetchStatus(const std::string& path) {
  const absl::StatusOr<os::UnixAddress> address = os::UnixAddress::Of(path);
  if (!address.ok()) return NoAnswer(path, address.status().message());

  const os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  if (connect(fd.get(), address->get(), address->size()) != 0) {
    return NoAnswer(path, errno == EAGAIN ? "it is busy" : os::ErrnoText(errno));
  }
  std::string status;
  char buffer[65536];
  while (true) {
    const ssize_t got = recv(fd.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return NoAnswer(path, errno == EAGAIN ? "it says nothing" : os::ErrnoText(errno));
    if (got == 0) break;
    status.append(buffer, static_cast<size_t>(got));
    if (status.size() > kMaxStatus) return NoAnswer(path, "it says too much");
  }
  if (status.empty()) return NoAnswer(path, "it closed without a word");
  return status;
}

}  // namespace warp::tools
